/* What the fast paths of IPC share (fast.c, endpoint_fast.c). */
#pragma once

#include "exo/abi/l4.h"
#include "exo/env/thread.h"

#define TAG_UNUSUAL        (TAG_FLAGS | 0xfc0) /* flags, or typed items */
#define TIMEOUT_RECEIVE(t) ((uint16_t)(t))

/* The words of a message with `tag` that the CPU's registers do not hold. */
static inline void ipc_copy_fast(const struct thread *from, const struct thread *to, word_t tag)
{
    if (TAG_UNTYPED(tag) >= MR_IN_REGISTERS)
        arch_copy_words(to->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                        from->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                        TAG_UNTYPED(tag) + 1 - MR_IN_REGISTERS);
}

/* As hook_ipc_fast, for an IPC by capability of `t`, the current thread, whose registers have what
 * the hook was given. Changes nothing when it returns 0. */
__attribute__((noinline)) word_t endpoint_fast(struct thread *t);
