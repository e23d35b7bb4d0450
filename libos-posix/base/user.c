/* Copy-in and copy-out between the core and the program's memory. */
#include "libos-posix/base/user.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/base/mem.h"

long user_read(const struct process *p, void *to, vaddr_t from, size_t bytes)
{
    if (area_extent(p, from, RIGHT_READ) < bytes)
        return -EFAULT;
    if (bytes)
        memcpy(to, (const void *)from, bytes);
    return 0;
}

long user_write(const struct process *p, vaddr_t to, const void *from, size_t bytes)
{
    if (area_extent(p, to, RIGHT_WRITE) < bytes)
        return -EFAULT;
    if (bytes)
        memcpy((void *)to, from, bytes);
    return 0;
}

long user_clear(const struct process *p, vaddr_t to, size_t bytes)
{
    if (area_extent(p, to, RIGHT_WRITE) < bytes)
        return -EFAULT;
    if (bytes)
        memset((void *)to, 0, bytes);
    return 0;
}

long user_copy(const struct process *p, vaddr_t to, vaddr_t from, size_t bytes)
{
    if (area_extent(p, from, RIGHT_READ) < bytes)
        return -EFAULT;
    return user_write(p, to, (const void *)from, bytes);
}

long user_exchange(const struct process *p, vaddr_t at, uint32_t *expected, uint32_t new)
{
    if (at % sizeof new)
        return -EINVAL;
    if (area_extent(p, at, RIGHT_READ | RIGHT_WRITE) < sizeof new)
        return -EFAULT;
    __atomic_compare_exchange_n((uint32_t *)at, expected, new, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return 0;
}

long user_string(const struct process *p, char *to, size_t capacity, vaddr_t from, long too_long)
{
    size_t usable = area_extent(p, from, RIGHT_READ);
    const volatile char *text = (const volatile char *)from; /* each byte is read once */

    for (size_t i = 0; i < capacity; i++) {
        if (i == usable)
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
