/*
 * What the fast paths of IPC ask about the two threads, and do (fast.c, endpoint_fast.c,
 * fast_fault.c).
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
#define TIMEOUT_RECEIVE(timeouts) ((uint16_t)(timeouts))

/* Does `p`, which may be nobody, wait for `t`, the current thread, and need nothing else? No
 * ID that names no thread is a thread's: their low bits are never all 0. */
static inline bool fast_is_ready(const struct thread *t, const struct thread *p, word_t id)
{
    return p->global_id == id && p->readiness == cpu_this()->awaits_message &&
           (p->ipc_from == t->global_id || p->ipc_from == L4_ANY);
}

/* Will `t`, when it has sent to `to`, wait for a message that is not there yet? */
static inline bool fast_waits(const struct thread *t, word_t to, word_t from)
{
    return from == to || (from == L4_ANY && list_is_empty(&t->senders));
}

/* The words of a message with `tag` that the CPU's registers do not hold. */
static inline void fast_copy(const struct thread *from, const struct thread *to, word_t tag)
{
    if (TAG_UNTYPED(tag) >= MR_IN_REGISTERS)
        arch_copy_words_aside(to->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                              from->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                              TAG_UNTYPED(tag) + 1 - MR_IN_REGISTERS);
}

/* As hook_ipc_fast, for an IPC by capability of `t`, the current thread, whose registers have what
 * the hook was given. Changes nothing when it returns 0. */
word_t endpoint_fast(struct thread *t);

/* The same, for a caller that is compiled to keep the message's registers. */
static __attribute__((noinline, unused)) word_t fast_by_capability(struct thread *t)
{
    arch_call_apart();
    word_t name = endpoint_fast(t);
    arch_call_apart();
    return name;
}

/* hook_ipc_fast by its parts: is all as usual? */
static inline bool fast_can(const struct thread *t, const struct thread *p, word_t to, word_t from,
                            word_t timeouts, word_t tag)
{
    return TIMEOUT_RECEIVE(timeouts) == TIME_NEVER && !(tag & TAG_UNUSUAL) &&
           fast_waits(t, to, from) && fast_is_ready(t, p, to);
}

/* It is: `p` runs instead of `t`. Returns what `p` calls `t`. */
static inline word_t fast_send(struct thread *t, struct thread *p, word_t from, word_t tag)
{
    t->ipc_from = from;
    t->state = THREAD_IPC_RECEIVE;
    fast_copy(t, p, tag);
    return sched_direct(cpu_this_again(), t, p) ? t->global_id : t->utcb_va + UTCB_MR;
}

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
    return to >> 63 ? fast_by_capability(t) : 0; /* no thread's ID has that bit */
}
