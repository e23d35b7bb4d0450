/* Spaces, threads and UTCBs made from kernel memory. */
#include "l4core/task.h"

#include "bindings/cap.h"
#include "bindings/env_make.h"
#include "bindings/node.h"
#include "bindings/page.h"
#include "bindings/revoke.h"
#include "exo/abi/error.h"
#include "exo/abi/kinfo.h"
#include "exo/abi/kip.h"
#include "exo/abi/syscall.h"
#include "exo/base/assert.h"
#include "exo/base/sequence.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/env/wait.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"
#include "l4core/ipc.h"
#include "l4core/map.h"

struct cap *task_memory(const struct env *e)
{
    return (struct cap *)(void *)node_at(e->kmem.parent);
}

struct env *task_make_space(struct cap *region, pfn_t base, uint16_t maker)
{
    const uint16_t number = env_number_free();
    const struct object_place place = {region, NULL, base, ENV_FRAMES};
    struct env *e = frame_memory(base);

    ASSERT(number);
    frame_take(base, ENV_FRAMES, FRAME_ENV, number, node_name(&e->memory));
    env_make(&place, number, maker);
    node_link(&region->node, &e->memory);
    node_link(&region->node, &e->kmem);
    return e;
}

/* Its frames are `e`'s from now on. */
static void count_frames(struct thread *t, struct env *e)
{
    const pfn_t base = frame_number(t);

    sequence_begin(frame_sequence);
    for (pfn_t n = base; n < base + L4_THREAD_FRAMES; n++) {
        frame_of(n)->owner = e->number;
        frame_of(n)->type = n == base ? FRAME_THREAD : FRAME_UTCB;
    }
    sequence_end(frame_sequence);
    e->info->frames += L4_THREAD_FRAMES;
}

struct thread *task_make_thread(struct cap *region, pfn_t base, struct env *e, word_t id)
{
    struct thread *t = frame_memory(base);

    frame_take(base, L4_THREAD_FRAMES, FRAME_THREAD, e->number, node_name(&t->memory_node));
    count_frames(t, e);
    thread_init(base, (uint32_t)(id >> 32), e, frame_memory(base + 1), UTCB_NONE);
    t->global_id = id;
    *thread_mr(t, TCR_GLOBAL_ID) = id;
    node_link(&region->node, &t->memory_node);
    return t;
}

void task_move(struct thread *t, struct env *to)
{
    t->env->info->frames -= L4_THREAD_FRAMES;
    t->env->info->threads--;
    list_remove(&t->env_link);
    t->env = to;
    t->counts = counts_at(to->number, t->cpu);
    thread_set_unusual(t, THREAD_REDIRECTED, env_is_redirected(to));
    thread_set_unusual(t, THREAD_JUDGED, env_is_judged(to));
    list_insert(&to->threads, &t->env_link);
    to->info->threads++;
    count_frames(t, to);
    thread_exo(t)->env = to->number;
}

pte_t *task_entry(struct env *e, vaddr_t va)
{
    unsigned level;
    pte_t *last = space_last(e->root, va, &level);
    const bool lacks = level > 1 && !arch_pte_present(*last);
    pte_t *at = e->kmem.parent || !lacks ? map_make_entry(e, va, 1) : NULL;

    if (!at && lacks && arch_pte_present(*last))
        revoke_all(entry_node(last), true); /* the tables that there was memory for */
    if (at && arch_pte_present(*at)) {
        page_take(at);
        cpu_tlb_flush(e, va);
    }
    return at;
}

struct activation {
    struct thread *thread;
    word_t pager;
};

static void activate_here(void *argument)
{
    const struct activation *a = argument;

    ipc_await(a->thread, IPC_START, a->pager);
}

static void show_utcb(struct thread *t, pte_t *utcb)
{
    page_show(utcb, &t->memory_node, frame_number(t) + 1, RIGHT_READ | RIGHT_WRITE,
              RIGHT_READ | RIGHT_WRITE);
    node_link(entry_node(utcb), &t->utcb_node);
}

void task_activate(struct thread *t, pte_t *utcb, vaddr_t va, word_t pager)
{
    struct activation a = {t, pager};

    show_utcb(t, utcb);
    t->utcb_va = va;
    arch_thread_init(&t->arch, va + UTCB_GS);
    *thread_mr(t, TCR_SELF) = va + UTCB_MR;
    *thread_mr(t, TCR_IPC_LINK) = LINK_ADDRESS(LINK_IPC);
    *thread_mr(t, TCR_PAGER) = pager;
    cpu_call(t->cpu, activate_here, &a);
}

struct relocation {
    struct thread *thread;
    struct env *to;
    pte_t *utcb;
    bool by_itself;
    int error;
};

/* What it does in its space ends, on its home CPU. */
static void give_up(struct thread *t)
{
    if (t->ipc_kernel != IPC_START)
        ipc_cancel(t, true, true);
    if (t->state == THREAD_IN_NOTIFY)
        wait_end(t, ERR_INTERRUPTED, 0);
    node_walk_end(&t->unmap.walk);
    t->unmap.count = 0;
    t->pct_epoch = 0; /* what it found by a slot */
}

static void move_utcb(struct thread *t, struct env *to, pte_t *utcb)
{
    struct env *left = t->env;

    node_unlink(&t->utcb_node);
    page_take(space_entry(left->root, t->utcb_va, 1));
    cpu_tlb_flush(left, t->utcb_va);
    show_utcb(t, utcb);
    task_move(t, to);
}

/* At one go, so that it is never between two spaces for whoever finds it. */
static void relocate_here(void *argument)
{
    struct relocation *r = argument;
    struct thread *t = r->thread;

    r->error = thread_may_move(t, r->by_itself);
    if (r->error)
        return;
    give_up(t);
    const uint8_t state = t->state;
    sched_release(t);
    move_utcb(t, r->to, r->utcb);
    if (state == THREAD_READY || state == THREAD_RUNNING)
        sched_wake(t);
    else
        t->state = state;
}

int task_relocate(struct thread *t, struct env *to, pte_t *utcb, bool by_itself)
{
    struct relocation r = {t, to, utcb, by_itself, ERR_OK};

    cpu_call(t->cpu, relocate_here, &r);
    return r.error;
}

void task_space_left(struct env *e)
{
    if (e->memory.parent && list_is_empty(&e->threads))
        revoke_all(&e->memory, true);
}
