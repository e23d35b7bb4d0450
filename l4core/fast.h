/*
 * What the fast paths of IPC ask about the two threads.
 *
 * Locking: none. All threads that they find good are of this CPU.
 */
#pragma once

#include "exo/abi/l4.h"
#include "exo/env/cpu.h"
#include "exo/env/thread.h"

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
