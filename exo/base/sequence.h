/* Sequence counts: how a reader without a lock knows that the words of a record agree. The count is
 * odd while they are being written; a lock keeps a second writer out. */
#pragma once

#include "exo/base/assert.h"

#include <stdint.h>

static inline void sequence_begin(uint32_t *count)
{
    ASSERT(*count % 2 == 0);
    __atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* the words change after it is odd */
}

static inline void sequence_end(uint32_t *count)
{
    ASSERT(*count % 2 == 1);
    __atomic_store_n(count, *count + 1, __ATOMIC_RELEASE);
}
