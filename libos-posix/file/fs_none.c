/* For programs that have no file systems of disks, to stay small. */
#include "libos-posix/base/fs.h"

const struct fs_ops *const fs_kinds[FS_KINDS] = {0};
