/* Copying and comparing bytes. Weak symbols, so that a C library's faster ones win. */
#include "libos/string.h"

#include <stdint.h>

#include "libos/start/cpu.h"

#define LONG 128u /* bytes from which on the CPU's own instructions for many words pay */
#define WEAK __attribute__((weak, optimize("no-tree-loop-distribute-patterns")))

struct pair {
    uint64_t low, high;
};

WEAK void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if (bytes >= LONG) {
        const size_t words = bytes / sizeof(uint64_t);
        cpu_copy_words(t, f, words);
        t += words * sizeof(uint64_t);
        f += words * sizeof(uint64_t);
        bytes %= sizeof(uint64_t);
    }
    /* By memory operands of the compiler's choice; alignment costs x86 nothing here, and a CPU that
     * minds gets byte accesses from it. */
    for (; bytes >= sizeof(struct pair); bytes -= sizeof(struct pair)) {
        struct pair pair;
        __builtin_memcpy(&pair, f, sizeof pair);
        __builtin_memcpy(t, &pair, sizeof pair);
        t += sizeof pair;
        f += sizeof pair;
    }
    if (bytes & sizeof(uint64_t)) {
        uint64_t word;
        __builtin_memcpy(&word, f, sizeof word);
        __builtin_memcpy(t, &word, sizeof word);
        t += sizeof word;
        f += sizeof word;
    }
    if (bytes & sizeof(uint32_t)) {
        uint32_t word;
        __builtin_memcpy(&word, f, sizeof word);
        __builtin_memcpy(t, &word, sizeof word);
        t += sizeof word;
        f += sizeof word;
    }
    for (bytes &= sizeof(uint32_t) - 1; bytes; bytes--)
        *t++ = *f++;
    return to;
}

WEAK void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((uintptr_t)t - (uintptr_t)f >= bytes) /* also when `to` lies below `from` */
        return memcpy(to, from, bytes);
    while (bytes >= sizeof(struct pair)) {
        struct pair pair;
        bytes -= sizeof pair;
        __builtin_memcpy(&pair, f + bytes, sizeof pair);
        __builtin_memcpy(t + bytes, &pair, sizeof pair);
    }
    while (bytes >= sizeof(uint64_t)) {
        uint64_t word;
        bytes -= sizeof word;
        __builtin_memcpy(&word, f + bytes, sizeof word);
        __builtin_memcpy(t + bytes, &word, sizeof word);
    }
    while (bytes--)
        t[bytes] = f[bytes];
    return to;
}

WEAK void *memset(void *to, int value, size_t bytes)
{
    uint8_t *t = to;
    uint64_t word = 0x0101010101010101u * (uint8_t)value;

    if (bytes >= LONG) {
        cpu_fill_words(t, word, bytes / sizeof word);
        t += bytes / sizeof word * sizeof word;
        bytes %= sizeof word;
    }
    for (; bytes >= sizeof word; bytes -= sizeof word, t += sizeof word)
        __builtin_memcpy(t, &word, sizeof word);
    while (bytes--)
        *t++ = (uint8_t)value;
    return to;
}

WEAK int memcmp(const void *a, const void *b, size_t bytes)
{
    const uint8_t *x = a, *y = b;

    for (; bytes; bytes--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

WEAK size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

WEAK size_t strnlen(const char *s, size_t most)
{
    size_t n = 0;

    while (n < most && s[n])
        n++;
    return n;
}

WEAK int strncmp(const char *a, const char *b, size_t most)
{
    for (; most; most--, a++, b++)
        if (*a != *b || !*a)
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

WEAK int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX / 2);
}

WEAK char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++)
        if (!*s)
            return NULL;
    return (char *)(uintptr_t)s;
}
