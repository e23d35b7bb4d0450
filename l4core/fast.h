/*
 * What the fast paths of IPC ask about the two threads, and do (fast.c, endpoint_fast.c,
 * judge_fast.c, fast_fault.c).
 *
 * Locking: none. All threads that they find good are of this CPU.
 */
#pragma once

#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"

#define TAG_UNUSUAL               (TAG_FLAGS | 0xfc0) /* flags, or typed items */
#define TAG_LONG                  0x38u               /* more words than registers */
#define TIMEOUT_RECEIVE(timeouts) ((uint16_t)(timeouts))

/* Does `p`, which may be nobody, wait for `t`, the current thread, and need nothing else? No
 * ID that names no thread is a thread's: their low bits are never all 0. */
static inline bool fast_is_ready(const struct thread *t, const struct thread *p, word_t id)
{
    return p->global_id == id && CPU_GET(awaits_message) == p->readiness &&
           (p->ipc_from == t->global_id || p->ipc_from == L4_ANY);
}

/* Will `t`, when it has sent to `to`, wait for a message that is not there yet? */
static inline bool fast_waits(const struct thread *t, word_t to, word_t from)
{
    return from == to || (from == L4_ANY && list_is_empty(&t->senders));
}

/* The words of a message with a `tag` of TAG_LONG that the CPU's registers do not hold. */
static inline __attribute__((always_inline)) void fast_copy(const struct thread *from,
                                                            const struct thread *to, word_t tag)
{
    arch_copy_words(to->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                    from->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                    TAG_UNTYPED(tag - (MR_IN_REGISTERS - 1)));
}

/* hook_ipc_fast by its parts: is all as usual? (Of the tag, callers see to that.) */
static inline __attribute__((always_inline)) bool
fast_can(const struct thread *t, const struct thread *p, word_t to, word_t from, word_t timeouts)
{
    return TIMEOUT_RECEIVE(timeouts) == TIME_NEVER && fast_waits(t, to, from) &&
           fast_is_ready(t, p, to);
}

/* The same for a local ID: `p` is of the space of `t`, to which all that means something. */
static inline __attribute__((always_inline)) bool fast_can_local(const struct thread *t,
                                                                 const struct thread *p, word_t to,
                                                                 word_t from, word_t timeouts)
{
    bool waits =
        from == to || ((from == L4_ANY_LOCAL || from == L4_ANY) && list_is_empty(&t->senders));

    return waits && TIMEOUT_RECEIVE(timeouts) == TIME_NEVER && p->env == t->env &&
           p->utcb_va + UTCB_MR == to && CPU_GET(awaits_message) == p->readiness &&
           (p->ipc_from == t->global_id || p->ipc_from == L4_ANY_LOCAL || p->ipc_from == L4_ANY ||
            p->ipc_from == t->utcb_va + UTCB_MR);
}

/* It is: `p` runs instead of `t`. Returns what `p` calls `t`. */
static inline __attribute__((always_inline)) word_t fast_send(struct thread *t, struct thread *p,
                                                              word_t from)
{
    t->ipc_from = from;
    t->state = THREAD_IPC_RECEIVE;
    return sched_direct(t, p) ? t->global_id : t->utcb_va + UTCB_MR;
}

/* As hook_ipc_fast, for an IPC by capability of `t`, the current thread, whose registers have what
 * the hook was given; or one that judge_fast is for. Changes nothing when it returns 0. */
word_t endpoint_fast(void *t);

/* The same by thread ID, where grafts judge it whose code keeps registers. What one refuses is
 * remembered for ipc_route. On one CPU. */
word_t judge_fast(struct cpu *c, struct thread *t);

/* It is not: what the hook was given of the registers is for the general path, but for an IPC by
 * capability that is done at once. */
static inline word_t fast_decline(struct thread *t, word_t to, word_t from, word_t timeouts,
                                  word_t tag)
{
    struct regs *r = thread_regs(t);

    r->rdi = t->utcb_va + UTCB_MR;
    r->rsi = to;
    r->rdx = from;
    r->r8 = timeouts;
    r->r9 = tag;
    if (!((to | env_ipc_quick) >> 63)) /* no thread's ID has that bit */
        return 0;
    word_t name = arch_call_aside(endpoint_fast, t);
    if (!name)
        return 0;
    struct thread *p = (struct thread *)CPU_GET(current);
    return arch_ipc_leave(&p->arch, name, from, timeouts, tag);
}
