/* Memory and strings for the kernel. */
#include "exo/base/string.h"

#include <stdint.h>

/* So many bytes of anything. (A call of memcpy in here would be a call of itself.) */
typedef uint64_t eight_t __attribute__((may_alias, aligned(1)));
typedef uint32_t four_t __attribute__((may_alias, aligned(1)));

#undef memcpy
void *memcpy(void *to, const void *from, size_t bytes)
{
    char *t = to;
    const char *f = from;

    for (; bytes >= 16; bytes -= 16, t += 16, f += 16) {
        const eight_t low = *(const eight_t *)f, high = *(const eight_t *)(f + 8);
        *(eight_t *)t = low; /* both are read before, as memmove needs it */
        *(eight_t *)(t + 8) = high;
    }
    if (bytes & 8) {
        *(eight_t *)t = *(const eight_t *)f;
        t += 8;
        f += 8;
    }
    if (bytes & 4) {
        *(four_t *)t = *(const four_t *)f;
        t += 4;
        f += 4;
    }
    for (bytes &= 3; bytes; bytes--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    char *t = to;
    const char *f = from;

    if ((uintptr_t)to - (uintptr_t)from >= bytes)
        return memcpy(to, from, bytes);
    while (bytes--)
        t[bytes] = f[bytes];
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    char *t = to;

    for (; bytes >= 8 && value == 0; bytes -= 8, t += 8)
        *(eight_t *)t = 0;
    while (bytes--)
        *t++ = (char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a, *y = b;

    for (; bytes; bytes--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}
