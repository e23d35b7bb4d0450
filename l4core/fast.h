/* What the fast paths of IPC share (fast.c, endpoint_fast.c). */
#pragma once

#include "exo/abi/l4.h"
#include "exo/env/thread.h"

/* The words of a message with `tag` that the CPU's registers do not hold. */
static inline void ipc_copy_fast(const struct thread *from, const struct thread *to, word_t tag)
{
    if (TAG_UNTYPED(tag) >= MR_IN_REGISTERS)
        arch_copy_words(to->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                        from->utcb + UTCB_MR + MR_IN_REGISTERS * 8,
                        TAG_UNTYPED(tag) + 1 - MR_IN_REGISTERS);
}

/* As hook_ipc_fast, for a `to` that is named by capability, untyped words, and a receive phase
 * without timeout. Changes nothing when it returns 0. */
word_t endpoint_fast(word_t to, word_t from, word_t tag);
