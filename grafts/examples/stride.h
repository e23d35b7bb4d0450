/* What a libOS and its graft slice_stride share: its threads, and how far each is. */
#pragma once

#include <stdint.h>

#define STRIDE_THREADS 4u
#define STRIDE_ONE     (1u << 20) /* the stride of one ticket; of n it is the nth part */

struct stride_thread {
    uint32_t number; /* thread number; 0: none, or it does not run now */
    uint32_t stride;
    uint64_t pass;  /* whoever has the lowest is next             */
    uint64_t count; /* slices that it was given                   */
};

struct stride {
    struct stride_thread threads[STRIDE_THREADS];
};
