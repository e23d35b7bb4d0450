/* Filling the RAM file system from the boot archive. */
#pragma once

#include "libos-posix/base/arena.h"

/* Adds every visible entry of the archive below the root; file data stays where it is. An entry
 * whose name has an empty part, ".." or a part that is too long is left out; a later entry of the
 * same name replaces an earlier one. ENOMEM; EINVAL: the archive is damaged, and what stands
 * before the damage was added. */
long unpack_archive(struct arena *a, const void *archive, size_t bytes);

/* Gives the directory `path` (absolute, without ".."), made with mode 0755 where missing.
 * NULL: no memory, or a part is not a directory. */
struct node *unpack_directory(struct arena *a, const char *path, size_t bytes);
