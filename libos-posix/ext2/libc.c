/* The C library of libext2fs in a program that has none, or has one of its own: what it calls
 * beside the byte functions. */
#include "libos-posix/ext2/volume.h"

#include <time.h>

void *memchr(const void *from, int wanted, size_t bytes)
{
    const uint8_t *at = from;

    for (; bytes; bytes--, at++)
        if (*at == (uint8_t)wanted)
            return (void *)(uintptr_t)at;
    return NULL;
}

char *strcpy(char *restrict to, const char *restrict from)
{
    return memcpy(to, from, strlen(from) + 1);
}

char *strcat(char *restrict to, const char *restrict from)
{
    strcpy(to + strlen(to), from);
    return to;
}

char *strncpy(char *restrict to, const char *restrict from, size_t bytes)
{
    size_t i = 0;

    for (; i < bytes && from[i]; i++)
        to[i] = from[i];
    for (; i < bytes; i++)
        to[i] = 0;
    return to;
}

static unsigned digit_of(char c)
{
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                  : 99;
}

/* Digits alone, of a base up to 16. */
unsigned long strtoul(const char *restrict from, char **restrict end, int base)
{
    unsigned long value = 0;

    for (; digit_of(*from) < (unsigned)base; from++)
        value = value * (unsigned)base + digit_of(*from);
    if (end)
        *end = (char *)(uintptr_t)from;
    return value;
}

static void swap(char *a, char *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* Lets the element at `root` sink to its place in a heap of `count`. */
static void sink(char *base, size_t root, size_t count, size_t bytes,
                 int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare(base + child * bytes, base + (child + 1) * bytes) < 0)
            child++;
        if (compare(base + root * bytes, base + child * bytes) >= 0)
            return;
        swap(base + root * bytes, base + child * bytes, bytes);
    }
}

void qsort(void *base, size_t count, size_t bytes, int (*compare)(const void *, const void *))
{
    for (size_t i = count / 2; i-- > 0;)
        sink(base, i, count, bytes, compare);
    for (size_t i = count; i-- > 1;) {
        swap(base, (char *)base + i * bytes, bytes);
        sink(base, 0, i, bytes, compare);
    }
}

time_t time(time_t *to)
{
    const time_t now = (time_t)(blocks_now() / 1000000000);

    if (to)
        *to = now;
    return now;
}

char *getenv(const char *name)
{
    (void)name;
    return NULL;
}

/* A belief of libext2fs does not hold: the process is ended in the middle, and with it the volume.
 */
_Noreturn void abort(void)
{
    __builtin_trap();
}
