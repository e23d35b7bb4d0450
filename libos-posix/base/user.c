/* Copy-in and copy-out between the core and the program's memory. */
#include "libos-posix/base/user.h"

#include "libos-posix/base/mem.h"

long user_clear(struct process *p, vaddr_t to, size_t bytes)
{
    if (!area_has(p, to, bytes, RIGHT_WRITE))
        return -EFAULT;
    if (bytes)
        memset((void *)to, 0, bytes);
    return 0;
}

long user_copy(struct process *p, vaddr_t to, vaddr_t from, size_t bytes)
{
    if (!area_has(p, from, bytes, RIGHT_READ))
        return -EFAULT;
    return user_write(p, to, (const void *)from, bytes);
}

long user_exchange(struct process *p, vaddr_t at, uint32_t *expected, uint32_t new)
{
    if (at % sizeof new)
        return -EINVAL;
    if (area_extent(p, at, RIGHT_READ | RIGHT_WRITE) < sizeof new)
        return -EFAULT;
    __atomic_compare_exchange_n((uint32_t *)at, expected, new, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return 0;
}

/* The lowest bit that is set is the highest one of the first byte that is zero; none: no byte is
 * (Warren, Hacker's Delight, 6-1). */
static uint64_t zeros(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u;

    return (word - ones) & ~word & ones << 7;
}

long user_string(struct process *p, char *to, size_t capacity, vaddr_t from, long too_long)
{
    size_t usable = area_extent(p, from, RIGHT_READ);
    const size_t both = usable < capacity ? usable : capacity;
    const volatile char *text = (const volatile char *)from; /* each byte is read once */
    size_t i = 0;

    for (; i + sizeof(uint64_t) <= both; i += sizeof(uint64_t)) {
        uint64_t word;
        __builtin_memcpy(to + i, (const char *)from + i, sizeof word);
        __builtin_memcpy(&word, to + i, sizeof word);
        if (zeros(word))
            return (long)i + __builtin_ctzll(zeros(word)) / 8;
    }
    for (; i < capacity; i++) {
        if (i == usable && (usable = area_usable(p, from, i + 1, RIGHT_READ)) <= i)
            return -EFAULT;
        to[i] = text[i];
        if (!to[i])
            return (long)i;
    }
    return too_long;
}

long user_path(struct process *p, vaddr_t from, char **out)
{
    char *path = core_heap_take(&p->arena->heap, PATH_MAX);
    if (!path)
        return -ENOMEM;

    long bytes = user_string(p, path, PATH_MAX, from, -ENAMETOOLONG);
    if (bytes < 0) {
        user_path_free(p, path);
        return bytes;
    }
    *out = path;
    return 0;
}

void user_path_free(struct process *p, char *path)
{
    core_heap_free(&p->arena->heap, path, PATH_MAX);
}
