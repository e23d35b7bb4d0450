/* The four byte functions that the compiler itself may call, which libos or musl defines; and
 * copies and comparisons that are mostly short. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

/* Copies by words of one size, of which the last may overlap the one before. */
#define MEM_COPY_BOTH(type)                                                                        \
    do {                                                                                           \
        type first_, last_;                                                                        \
        __builtin_memcpy(&first_, from, sizeof first_);                                            \
        __builtin_memcpy(&last_, (const char *)from + bytes - sizeof last_, sizeof last_);         \
        __builtin_memcpy(to, &first_, sizeof first_);                                              \
        __builtin_memcpy((char *)to + bytes - sizeof last_, &last_, sizeof last_);                 \
    } while (0)

/* Are the same, of words of one size. */
#define MEM_SAME_BOTH(type)                                                                        \
    do {                                                                                           \
        type a_, b_, c_, d_;                                                                       \
        __builtin_memcpy(&a_, one, sizeof a_);                                                     \
        __builtin_memcpy(&b_, other, sizeof b_);                                                   \
        __builtin_memcpy(&c_, one + bytes - sizeof c_, sizeof c_);                                 \
        __builtin_memcpy(&d_, other + bytes - sizeof d_, sizeof d_);                               \
        return a_ == b_ && c_ == d_;                                                               \
    } while (0)

/* Are two names of the same length the same? */
static inline int mem_is_same(const char *one, const char *other, size_t bytes)
{
    if (bytes > 2 * sizeof(uint64_t))
        return memcmp(one, other, bytes) == 0;
    if (bytes >= sizeof(uint64_t))
        MEM_SAME_BOTH(uint64_t);
    if (bytes >= sizeof(uint32_t))
        MEM_SAME_BOTH(uint32_t);
    if (bytes >= sizeof(uint16_t))
        MEM_SAME_BOTH(uint16_t);
    return !bytes || *one == *other;
}

/* Like memcpy, at once where it is short. */
static inline void mem_copy(void *restrict to, const void *restrict from, size_t bytes)
{
    if (bytes > 2 * sizeof(uint64_t))
        memcpy(to, from, bytes);
    else if (bytes >= sizeof(uint64_t))
        MEM_COPY_BOTH(uint64_t);
    else if (bytes >= sizeof(uint32_t))
        MEM_COPY_BOTH(uint32_t);
    else if (bytes >= sizeof(uint16_t))
        MEM_COPY_BOTH(uint16_t);
    else if (bytes)
        *(char *)to = *(const char *)from;
}

/* Like memset with 0, at once where it is short. */
static inline void mem_clear(void *at, size_t bytes)
{
    static const uint64_t zeros[2];

    if (bytes > sizeof zeros)
        memset(at, 0, bytes);
    else
        mem_copy(at, zeros, bytes);
}
