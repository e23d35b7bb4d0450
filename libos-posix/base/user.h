/*
 * Copy-in and copy-out: the only code of the core that touches the program's memory.
 *
 * An address from a program is a claim. Each function checks it against the process's areas and
 * then copies; -EFAULT means that nothing, or only a leading part, was copied. In a library OS the
 * copy is a plain one; a server puts an IPC transfer here.
 */
#pragma once

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"

/* 0 or -EFAULT. */
static inline long user_read(struct process *p, void *to, vaddr_t from, size_t bytes)
{
    if (!area_has(p, from, bytes, RIGHT_READ))
        return -EFAULT;
    if (bytes)
        __builtin_memcpy(to, (const void *)from,
                         bytes); /* by a few moves, if it is known how many */
    return 0;
}

static inline long user_write(struct process *p, vaddr_t to, const void *from, size_t bytes)
{
    if (!area_has(p, to, bytes, RIGHT_WRITE))
        return -EFAULT;
    if (bytes)
        __builtin_memcpy((void *)to, from, bytes);
    return 0;
}

long user_clear(struct process *p, vaddr_t to, size_t bytes);

/* Between two places of the program that do not overlap. */
long user_copy(struct process *p, vaddr_t to, vaddr_t from, size_t bytes);

/* Sets the 32-bit word at `at` to `new` if it is *expected, atomically with what the program's
 * threads do; *expected becomes what was found. EFAULT; EINVAL: not a multiple of 4. */
long user_exchange(struct process *p, vaddr_t at, uint32_t *expected, uint32_t new);

/* Copies a string with its zero. Returns its length, -EFAULT, or `too_long` (a negative error)
 * when no zero is among the first `capacity` bytes. */
long user_string(struct process *p, char *to, size_t capacity, vaddr_t from, long too_long);

/* A path in a block of PATH_MAX bytes that user_path_free gives back.
 * EFAULT, ENAMETOOLONG, ENOMEM. */
long user_path(struct process *p, vaddr_t from, char **out);
void user_path_free(struct process *p, char *path);

/* A structure at `from` into the object `to`, or the object at `from` to the program. */
#define USER_GET(p, to, from) user_read((p), (to), (from), sizeof *(to))
#define USER_PUT(p, to, from) user_write((p), (to), (from), sizeof *(from))
