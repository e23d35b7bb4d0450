/* Taking back, leaf by leaf. Nothing here recurses: what an object contains is treated as if it
 * were derived from it, so that one walk finds the next leaf whatever is nested in what. */
#include "bindings/revoke.h"

#include "bindings/cap.h"
#include "bindings/contents.h"
#include "bindings/device.h"
#include "bindings/disk_ring.h"
#include "bindings/endpoint.h"
#include "bindings/env_place.h"
#include "bindings/filters.h"
#include "bindings/flows.h"
#include "bindings/graft.h"
#include "bindings/guarantee.h"
#include "bindings/io_table.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/page.h"
#include "bindings/ring.h"
#include "bindings/share.h"
#include "bindings/tree.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"

#define VISITS 512u /* nodes looked at before interrupts are let in */

/* Lost bindings since their translations were last invalidated. */
static struct env *unflushed;
static struct device *unflushed_device;

/* The first of these siblings that may go. What is contained in something that goes is guaranteed
 * to nobody. */
static struct node *first_open(struct taking *t, struct node *n)
{
    for (; n; n = node_at(n->next)) {
        t->visits++;
        if (t->base != t->root || !t->by || !guarantee_keeps(n, t->by, t->actor))
            return n;
    }
    return NULL;
}

/* Where the walk goes on when nothing below `n` may go, or NULL. */
static struct node *past_kept(struct taking *t, struct node *n)
{
    for (; n != t->root; n = node_at(n->parent)) {
        struct node *next = first_open(t, node_at(n->next));
        if (next)
            return next;
    }
    return NULL;
}

/* Walks on to the next leaf: to the root when all is taken, or to NULL when what is left stays. */
static struct node *find_leaf(struct taking *t)
{
    for (;;) {
        struct node *n = t->at, *next = first_open(t, node_at(n->child));
        t->visits++;
        if (!next && n->child) {
            next = past_kept(t, n);
            if (!next)
                return NULL;
        }
        if (!next && (n != t->root || t->itself))
            next = node_contents(n);
        if (!next)
            return n;
        if (!n->child)
            t->base = next;
        t->at = next;
    }
}

static void flush(void)
{
    if (unflushed)
        cpu_tlb_flush(unflushed, TLB_ALL);
    unflushed = NULL;
    if (unflushed_device)
        arch_iommu_flush(device_domain(unflushed_device));
    unflushed_device = NULL;
}

static void frames_give(pfn_t first, uint32_t count)
{
    struct env *owner = env_by_number[frame_of(first)->owner];

    if (owner)
        owner->info->frames -= count;
    frame_give(first, count);
}

static void destroy_env(struct env *e)
{
    env_end(e, 0, 0, 0);
    cpu_space_drop(e);
    if (unflushed == e)
        unflushed = NULL;
    if (e->watch.parent)
        node_unlink(&e->watch);
    if (e->kmem.parent)
        node_unlink(&e->kmem);
    env_places_end(e);
    env_forget(e);
}

static void destroy_object(const struct cap *c)
{
    switch (c->kind) {
    case CAP_THREAD:
        thread_destroy(frame_memory(c->base));
        break;
    case CAP_ENV:
        destroy_env(frame_memory(c->base));
        break;
    case CAP_NOTIFICATION:
        notification_destroy(frame_memory(c->base));
        break;
    case CAP_RING:
        ring_destroy(frame_memory(c->base));
        break;
    case CAP_FILTERS:
        filters_destroy(frame_memory(c->base));
        break;
    case CAP_FLOWS:
        flows_end(frame_memory(c->base));
        break;
    case CAP_DISK_RING:
        disk_ring_destroy(frame_memory(c->base));
        break;
    case CAP_DEVICE:
        device_destroy(frame_memory(c->base));
        if (unflushed_device == frame_memory(c->base))
            unflushed_device = NULL;
        break;
    case CAP_GRAFT:
        graft_end(frame_memory(c->base));
        break;
    case CAP_GRAFT_MAP:
        map_end(frame_memory(c->base));
        break;
    case CAP_TREE:
        tree_end(frame_memory(c->base));
        break;
    default:
        break;
    }
    frames_give(c->base, c->count);
}

static void drop_cap(struct cap *c)
{
    if (c->flags & (CAP_COUNTED | CAP_NAMED))
        guarantee_cap_gone(c);
    if (c->kind == CAP_ENDPOINT || c->kind == CAP_NOTIFICATION)
        endpoint_cap_gone(c);
    node_unlink(&c->node);
    if (c->kind == CAP_THREAD)
        thread_epoch = thread_epoch + 1;
    if (c->flags & CAP_ORIGIN)
        destroy_object(c);
    *c = (struct cap){0};
}

static void drop_entry(struct node *n)
{
    pfn_t table;
    pte_t *e = node_entry(n, &table);
    const pte_t was = arch_pte_take(e);
    const unsigned level = frame_of(table)->level;
    struct env *owner = env_by_number[frame_of(table)->owner];

    if (unflushed != owner)
        flush();
    unflushed = owner;
    const bool shows = level == 1 || arch_pte_is_large(was);
    if (shows)
        page_tell_parent(n, was);
    node_unlink(n);
    if (shows)
        page_frames_unbound(was, level);
    else if (arch_pte_is_share(was))
        share_count(owner, was, -1);
    else {
        env_leaf_forget(owner);
        frames_give((pfn_t)(arch_pte_address(was) >> PAGE_BITS), TABLE_FRAMES);
    }
}

static void drop_io_entry(struct node *n)
{
    struct device *d = device_of_table(frame_of(frame_number(n))->first);

    if (unflushed_device != d)
        flush();
    unflushed_device = d;
    pfn_t table = io_drop(n);
    if (table)
        frames_give(table, TABLE_FRAMES);
}

/* An env whose threads have all lost their UTCBs is at its end. */
static void drop_utcb(struct thread *t)
{
    struct env *e = t->env;

    node_unlink(&t->utcb_node);
    thread_kill(t);
    for (struct list *l = e->threads.next; l != &e->threads; l = l->next)
        if (LIST_ITEM(l, struct thread, env_link)->state != THREAD_DEAD)
            return;
    env_end(e, 0, 0, 0);
}

static void drop_in_thread(struct thread *t, struct node *n)
{
    if (n == &t->notify_node) {
        notification_unbind(t);
    } else if (n == &t->wake_node) {
        notification_judge_unbind(t);
    } else if (n == &t->counters_node) {
        counters_unbind(t);
    } else if (n == &t->memory_node) {
        node_unlink(n);
        thread_destroy(t);
        frames_give(frame_number(t), t->env ? L4_THREAD_FRAMES : L4_LINE_FRAMES);
    } else {
        drop_utcb(t);
    }
}

static void drop_in_env(struct env *e, struct node *n)
{
    long i = n - e->captable_nodes;

    node_unlink(n);
    if (env_place_is(e, n)) {
        env_place_changed(e);
    } else if (n == &e->memory) {
        destroy_env(e);
        frames_give(e->frame, ENV_FRAMES);
    } else if (n == &e->ports_node) {
        frames_give(frame_number(e->ports), 1);
        e->ports = NULL;
    } else if (i > 0) {
        frames_give(frame_number(e->captables[i]), 1);
        e->captables[i] = NULL;
        if ((size_t)i < sizeof e->info->captables / sizeof e->info->captables[0])
            e->info->captables[i] = 0;
    }
}

static void drop(struct node *n)
{
    switch (node_lies_in(n)) {
    case FRAME_CAPTABLE:
        drop_cap((struct cap *)(void *)n);
        break;
    case FRAME_NODES:
        drop_entry(n);
        break;
    case FRAME_THREAD:
        drop_in_thread(frame_memory(frame_number(n)), n);
        break;
    case FRAME_ENV:
        drop_in_env(frame_memory(frame_number(n)), n);
        break;
    case FRAME_CPU:
        slice_unbind(n);
        break;
    case FRAME_RING:
        ring_drop(frame_memory(frame_number(n)), n);
        break;
    case FRAME_FILTERS:
        filters_drop(frame_memory(frame_of(frame_number(n))->first), n);
        break;
    case FRAME_GRAFT: /* whom it tells: a map goes with it */
    case FRAME_GRAFT_MAP:
    case FRAME_TREE: /* a template */
        node_unlink(n);
        break;
    case FRAME_DISK_RING:
        disk_ring_drop(frame_memory(frame_number(n)), n);
        break;
    case FRAME_IO_NODES:
        drop_io_entry(n);
        break;
    case FRAME_DEVICE:
        device_unbind(frame_memory(frame_number(n)), n);
        break;
    default:
        ASSERT(!"a node lies in a frame that holds none");
    }
}

/* Takes the leaf that was found, and says where the next one is looked for. */
static enum taken take_leaf(struct taking *t, struct node *leaf)
{
    if (!leaf)
        return TAKEN_OPEN;
    if (leaf == t->root) {
        if (t->itself)
            drop(leaf);
        return TAKEN_ALL;
    }
    t->at = node_at(leaf->parent);
    if (leaf == t->base) /* who contains it is not its parent */
        t->base = t->at = t->root;
    drop(leaf);
    return TAKEN_SOME;
}

/* The way to the first leaf is not counted: else it could be too long for anything to be done. */
enum taken revoke_some(struct taking *t)
{
    t->base = t->at = t->root;
    enum taken done = take_leaf(t, find_leaf(t));
    for (t->visits = 0; done == TAKEN_SOME && t->visits < VISITS;)
        done = take_leaf(t, find_leaf(t));
    flush();
    return done;
}

/* Did the caller go with what it took away, or its UTCB, so that it never runs again? */
static bool caller_is_gone(const struct thread *caller)
{
    return cpu_this()->current != caller || caller->state == THREAD_DEAD;
}

/* What is left of a call whose caller went with what it took; one for each CPU, in the time of
 * hook_alarm. The capability has CAP_NAMED, so that it does not go unnoticed. */
static struct {
    node_t root; /* 0: nothing is left */
    bool itself;
    uint16_t actor;
} left_over[CPU_MAX];

/* Leaves the rest to the alarm; a second one, and what is no capability, is done at once. */
static void leave(struct taking *t, uint16_t actor)
{
    unsigned cpu = cpu_this()->number;

    if (left_over[cpu].root || node_lies_in(t->root) != FRAME_CAPTABLE) {
        while (revoke_some(t) == TAKEN_SOME)
            ;
        return;
    }
    ((struct cap *)(void *)t->root)->flags |= CAP_NAMED;
    left_over[cpu].root = node_name(t->root);
    left_over[cpu].itself = t->itself;
    left_over[cpu].actor = actor;
    sched_alarm(arch_ticks());
}

bool revoke_go_on(void)
{
    unsigned cpu = cpu_this()->number;
    struct node *n = node_at(left_over[cpu].root);

    if (!n)
        return false;
    struct taking t = {.root = n,
                       .itself = left_over[cpu].itself,
                       .by = n,
                       .actor = env_by_number[left_over[cpu].actor]};
    if (revoke_some(&t) != TAKEN_SOME)
        left_over[cpu].root = 0;
    return true;
}

void revoke_forget(node_t root)
{
    for (unsigned i = 0; i < CPU_MAX; i++)
        if (left_over[i].root == root)
            left_over[i].root = 0;
}

int revoke(const struct thread *caller, struct node *n, bool itself)
{
    struct taking t = {.root = n, .itself = itself, .by = n, .actor = caller->env};
    uint16_t actor = caller->env->number;
    enum taken done = revoke_some(&t);

    if (caller_is_gone(caller)) {
        if (done == TAKEN_SOME)
            leave(&t, actor);
        return CALL_NO_REPLY;
    }
    if (done == TAKEN_OPEN)
        return ERR_BAD_STATE;
    return done == TAKEN_ALL ? ERR_OK : CALL_AGAIN;
}

void cap_destroy(struct cap *c)
{
    drop_cap(c);
}

void cap_shrink(struct cap *c, uint32_t keep)
{
    ASSERT(!c->node.child && keep > 0 && keep < c->count);
    guarantee_cap_shrunk(c, c->count - keep);
    if (c->kind == CAP_FRAMES)
        frames_give(c->base + keep, c->count - keep);
    c->count = keep;
}

void revoke_all(struct node *n, bool itself)
{
    struct taking t = {.root = n, .itself = itself};

    while (revoke_some(&t) == TAKEN_SOME)
        ;
}
