/* For programs that have all kinds of file systems. */
#include "libos-posix/base/fs.h"

const struct fs_ops *const fs_kinds[FS_KINDS] = {[FS_EXT2] = &fs_ext2};
