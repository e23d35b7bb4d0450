/* L4 IPC: the send phase, the receive phase, and how threads leave them. */
#include "l4core/ipc.h"

#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"
#include "l4core/string.h"

bool ipc_find_walks(word_t id)
{
    return L4_IS_LOCAL(id) && id != L4_NIL && id != L4_ANY_LOCAL;
}

struct thread *ipc_find(const struct thread *t, word_t id)
{
    if (L4_IS_LOCAL(id)) { /* the UTCB that it points to holds the global ID, as a claim */
        word_t claim = 0;
        space_copy_in(t->env->root, &claim, id + (vaddr_t)(TCR_GLOBAL_ID * 8), sizeof claim);
        struct thread *local = thread_by_number((uint32_t)(claim >> 32));
        bool good = local && local->env == t->env && local->utcb_va + UTCB_MR == id;
        return good && local->cpu == t->cpu && local->state != THREAD_DEAD ? local : NULL;
    }
    struct thread *p = thread_by_number((uint32_t)(id >> 32));
    return p && p->global_id == id && p->cpu == t->cpu && p->state != THREAD_DEAD ? p : NULL;
}

/* How `t` is told of `other`: by local ID inside one space. */
static word_t name_for(const struct thread *t, const struct thread *other)
{
    return t->env == other->env ? other->utcb_va + UTCB_MR : other->global_id;
}

/* Would `t` take a message from `sender`? Pre: `t` waits to receive. */
static bool accepts(const struct thread *t, const struct thread *sender)
{
    word_t from = t->ipc_from;

    return from == L4_ANY || from == sender->global_id ||
           (t->env == sender->env && (from == L4_ANY_LOCAL || from == sender->utcb_va + UTCB_MR));
}

uint64_t ipc_deadline(unsigned time)
{
    if (time == TIME_NEVER)
        return FOREVER;
    uint64_t micros = (uint64_t)(time & 0x3ff) << (time >> 10 & 31);
    return arch_ticks() + micros * arch_tick_khz() / 1000;
}

static void wait_until(struct thread *t, unsigned state, unsigned time)
{
    sched_block(t, state);
    if (time != TIME_NEVER)
        sched_set_deadline(t, ipc_deadline(time));
}

/* `t` leaves its IPC and runs on. */
static void leave(struct thread *t)
{
    sched_clear_deadline(t);
    t->ipc_to = NULL;
    if (t->state == THREAD_IPC_SEND || t->state == THREAD_IPC_RECEIVE ||
        t->state == THREAD_IPC_TRANSFER)
        sched_wake(t);
}

/* What every IPC ends with. The fast path, by which `t` may have come, has not saved its rdi. */
static void answer(struct thread *t, word_t from)
{
    thread_regs(t)->rsi = from;
    thread_regs(t)->rdi = t->utcb_va + UTCB_MR;
}

/* The kernel's IPC on behalf of `t` has no end. Who waits for a pager faults again, and then finds
 * that nobody serves it; nothing else can be done over again, so that `t` is halted. */
static void fail_kernel(struct thread *t)
{
    unsigned kind = t->ipc_kernel;

    t->ipc_kernel = IPC_OWN;
    if (kind == IPC_PAGE_FAULT) {
        leave(t);
        return;
    }
    sched_clear_deadline(t);
    t->ipc_to = NULL;
    sched_block(t, THREAD_STOPPED);
}

/* Ends the IPC of `t` with an error. Who died in it (a map took its UTCB away) is not told. */
static void fail(struct thread *t, word_t code, unsigned phase)
{
    if (t->state == THREAD_DEAD)
        return;
    list_remove(&t->send_link);
    if (t->ipc_kernel) {
        fail_kernel(t);
        return;
    }
    *thread_mr(t, TCR_ERROR) = IPC_ERROR(code, phase);
    thread_regs(t)->r9 |= TAG_ERROR;
    answer(t, L4_NIL);
    leave(t);
}

/* `to` has got what it waited for. */
static void received(struct thread *to, const struct thread *from)
{
    if (!to->ipc_kernel)
        answer(to, name_for(to, from));
    to->ipc_kernel = IPC_OWN;
    leave(to);
}

/* The first queued sender that `t` accepts, or NULL. */
static struct thread *find_sender(const struct thread *t)
{
    for (struct list *l = t->senders.next; l != &t->senders; l = l->next) {
        struct thread *s = LIST_ITEM(l, struct thread, send_link);
        if (accepts(t, s))
            return s;
    }
    return NULL;
}

static bool is_open(word_t from)
{
    return from == L4_ANY || from == L4_ANY_LOCAL;
}

/* May the partner that `t` waits for have gone while `t` was queued to send? */
static bool partner_is_gone(const struct thread *t)
{
    return t->state == THREAD_IPC_SEND && !is_open(t->ipc_from) && !ipc_find(t, t->ipc_from);
}

/* One step of the receive phase of `t`. Returns the thread whose send phase that ended, and which
 * now begins its own receive phase; NULL when there is none. */
static struct thread *receive_step(struct thread *t)
{
    unsigned time = t->ipc_timeouts & 0xffff;

    if (t->state == THREAD_DEAD) /* its own message took its UTCB away */
        return NULL;
    if (t->ipc_from == L4_NIL) {
        leave(t);
        return NULL;
    }
    struct thread *s = find_sender(t);
    if (!s) {
        if (partner_is_gone(t))
            fail(t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
        else if (time == TIME_ZERO)
            fail(t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
        else
            wait_until(t, THREAD_IPC_RECEIVE, time);
        return NULL;
    }
    list_remove(&s->send_link);
    sched_clear_deadline(s);
    word_t error = ipc_transfer(s, t);
    if (error == IPC_LEFT)
        return NULL;
    if (error) {
        fail(t, error, IPC_RECEIVE_PHASE);
        fail(s, error, IPC_SEND_PHASE);
        return NULL;
    }
    received(t, s);
    return s;
}

static void receive(struct thread *t)
{
    while (t)
        t = receive_step(t);
}

/* The send phase of `t` to `p`; the receive phase follows when it ends at once. */
static void send(struct thread *t, struct thread *p)
{
    unsigned time = (t->ipc_timeouts >> 16) & 0xffff;
    bool ready = p->state == THREAD_IPC_RECEIVE && accepts(p, t);

    if (!ready && time == TIME_ZERO) {
        fail(t, IPC_TIMEOUT, IPC_SEND_PHASE);
        return;
    }
    if (!ready) {
        t->ipc_to = p;
        wait_until(t, THREAD_IPC_SEND, time);
        list_insert(&p->senders, &t->send_link);
        return;
    }
    word_t error = ipc_transfer(t, p);
    if (error == IPC_LEFT)
        return;
    if (error) {
        fail(p, error, IPC_RECEIVE_PHASE);
        fail(t, error, IPC_SEND_PHASE);
        return;
    }
    received(p, t);
    receive(t);
    if (t->state != THREAD_RUNNING)
        sched_handoff(p);
}

void ipc_transfer_end(struct thread *from, struct thread *to, word_t send_error,
                      word_t receive_error)
{
    from->ipc_kernel = to->ipc_kernel = IPC_OWN; /* who waited for a pager does so no more */
    if (send_error) {
        fail(to, receive_error, IPC_RECEIVE_PHASE);
        fail(from, send_error, IPC_SEND_PHASE);
        return;
    }
    received(to, from);
    if (from->ipc_from != L4_NIL && !is_open(from->ipc_from) && !ipc_find(from, from->ipc_from))
        fail(from, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    else
        receive(from);
    if (from->state != THREAD_READY && from->state != THREAD_RUNNING)
        sched_handoff(to);
}

static void ipc_phases(struct thread *t, word_t to, word_t from, word_t timeouts)
{
    t->ipc_from = from;
    t->ipc_timeouts = timeouts;
    struct thread *p = to == L4_NIL ? NULL : ipc_find(t, to);
    bool open = from == L4_NIL || is_open(from);

    if (to != L4_NIL && !p)
        fail(t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    else if (!open && from != to && !ipc_find(t, from))
        fail(t, IPC_NO_PARTNER, p ? IPC_SEND_PHASE : IPC_RECEIVE_PHASE);
    else if (p)
        send(t, p);
    else
        receive(t);
}

/* Map items and local IDs need the forest lock, and who waits for it may lose its partner or its
 * own life. So it is taken before anything is looked at: when `t` sends items, or may receive some
 * at once. */
void ipc_do(struct thread *t, word_t to, word_t from, word_t timeouts)
{
    bool maps = TAG_TYPED(thread_regs(t)->r9) || !list_is_empty(&t->senders);
    bool locks = maps || ipc_find_walks(to) || ipc_find_walks(from);

    if (locks && !forest_lock_for(t))
        return;
    ipc_phases(t, to, from, timeouts);
    if (locks)
        forest_unlock();
}

bool ipc_call_locked(struct thread *t, word_t partner, unsigned kind, word_t tag, word_t word)
{
    struct thread *p = partner == L4_NIL ? NULL : ipc_find(t, partner);

    if (!p || p == t)
        return false;
    t->ipc_kernel = (uint8_t)kind;
    t->ipc_kernel_tag = tag;
    t->ipc_kernel_word = word;
    t->ipc_from = p->global_id;
    t->ipc_timeouts = 0;
    send(t, p);
    return true;
}

/* Under the lock: a partner that is queued to answer may send items. */
bool ipc_call_for(struct thread *t, word_t partner, unsigned kind, word_t tag, word_t word)
{
    if (!forest_lock_for(t))
        return true; /* it does not run any more */
    bool called = ipc_call_locked(t, partner, kind, tag, word);
    forest_unlock();
    return called;
}

void hook_ipc_timeout(struct thread *t)
{
    if (t->state == THREAD_IPC_TRANSFER) {
        string_timeout(t);
        return;
    }
    fail(t, IPC_TIMEOUT, t->state == THREAD_IPC_SEND ? IPC_SEND_PHASE : IPC_RECEIVE_PHASE);
}

/* Nobody will ever send to those that wait for `t` alone. */
static void fail_receivers(const struct thread *t)
{
    for (uint32_t n = 1; n < THREAD_MAX; n++) {
        struct thread *w = thread_by_number(n);
        bool waits = w && w != t && w->cpu == t->cpu && w->state == THREAD_IPC_RECEIVE;
        if (waits && (w->ipc_from == t->global_id ||
                      (w->env == t->env && w->ipc_from == t->utcb_va + UTCB_MR)))
            fail(w, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    }
}

/* Whoever waits for `t` is told that it is not there. */
static void fail_partners(struct thread *t)
{
    while (!list_is_empty(&t->senders))
        fail(LIST_ITEM(t->senders.next, struct thread, send_link), IPC_NO_PARTNER, IPC_SEND_PHASE);
    fail_receivers(t);
}

void hook_thread_stopping(struct thread *t, bool dies)
{
    string_abort(t);
    list_remove(&t->send_link);
    t->ipc_kernel = IPC_OWN;
    t->ipc_to = NULL;
    if (dies)
        fail_partners(t);
}

void hook_thread_moving(struct thread *t)
{
    string_abort(t);
    fail_partners(t);
    if (t->state == THREAD_IPC_SEND)
        fail(t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    else if (t->state == THREAD_IPC_RECEIVE && !is_open(t->ipc_from))
        fail(t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static bool transfer_is_broken(const struct thread *t)
{
    const struct thread *p = t->transfer_with;

    if (!p)
        return t->state == THREAD_IPC_TRANSFER;
    return p->transfer_with != t || p->transfer_sends == t->transfer_sends || p->cpu != t->cpu ||
           (t->state == THREAD_IPC_TRANSFER) == (p->state == THREAD_IPC_TRANSFER);
}

const char *ipc_check(const struct thread *t)
{
    if (transfer_is_broken(t))
        return "I3: the sides of a suspended transfer disagree";
    for (const struct list *l = t->senders.next; l != &t->senders; l = l->next) {
        const struct thread *s = LIST_ITEM(l, struct thread, send_link);
        if (s->state != THREAD_IPC_SEND || s->ipc_to != t)
            return "I1: a queued sender does not send to this thread";
        if (t->state == THREAD_IPC_RECEIVE && accepts(t, s))
            return "I2: a thread waits although an acceptable sender is queued";
    }
    return NULL;
}
