/*
 * What a file system on a disk does for the core: a table of operations by kind, since the arena
 * holds no address of code. Names, open files, access and caches are the core's (stored.h).
 *
 * Functions return 0 or more, or a Linux error number negated: EIO when the disk failed or lies,
 * ENOSPC, ENOMEM, and what is said. They work on blocks of the cache (blocks.h), and nothing of
 * what they do is on the disk before `commit`. `ino` is an inode's number. All are
 * called by who holds the arena's lock.
 */
#pragma once

#include "exo/abi/types.h"

struct blocks;
struct fs; /* what a kind keeps of one file system, in the arena */

struct fs_attributes {
    uint32_t mode, uid, gid, links;
    uint32_t major, minor;        /* of a device */
    uint64_t size;                /* bytes */
    uint64_t sectors;             /* of 512 bytes, that it takes on the disk */
    uint64_t atime, mtime, ctime; /* ns since 1970 */
};

struct fs_space {
    uint64_t blocks, blocks_free, blocks_kept; /* kept: free, but for the superuser */
    uint64_t files, files_free;
};

/* Is told of each name in a directory but "." and "..". Not 0: an error that ends the reading. */
typedef long fs_entry_seen(void *context, const char *name, size_t bytes, uint64_t ino);

struct fs_ops {
    uint32_t magic; /* statfs(2) */

    /* EINVAL: no such file system; EUCLEAN: it has to be repaired first; EROFS: it may not be
     * written for what it is; then *why says so in a few words. */
    long (*open)(struct blocks *b, bool read_only, struct fs **out, const char **why);
    void (*close)(struct fs *f); /* forgets it */
    uint64_t (*root)(const struct fs *f);
    void (*space)(const struct fs *f, struct fs_space *out);

    /* All that was done becomes durable: at once, or nothing of it, if `is_atomic`. */
    long (*commit)(struct fs *f);
    bool (*is_atomic)(const struct fs *f);
    /* After a commit: says on the disk that it is not in use. */
    long (*finish)(struct fs *f);

    long (*get)(struct fs *f, uint64_t ino, struct fs_attributes *out);
    long (*put)(struct fs *f, uint64_t ino, const struct fs_attributes *in);
    /* A new inode with these attributes, near `dir`; a directory gets "." and "..", a symbolic link
     * its text. */
    long (*make)(struct fs *f, uint64_t dir, const struct fs_attributes *in, const char *text,
                 size_t text_bytes, uint64_t *ino);
    long (*free)(struct fs *f, uint64_t ino); /* with all that it holds */
    /* These have no name, but are open: the disk's list of what to free after a crash. */
    long (*orphans)(struct fs *f, const uint64_t *inos, size_t count);

    long (*list)(struct fs *f, uint64_t dir, fs_entry_seen *seen, void *context);
    long (*link)(struct fs *f, uint64_t dir, const char *name, size_t bytes, uint64_t ino,
                 uint32_t mode);
    long (*unlink)(struct fs *f, uint64_t dir, const char *name, size_t bytes);
    /* What `name` names becomes `ino`; and what a directory's ".." names. ENOENT. */
    long (*relink)(struct fs *f, uint64_t dir, const char *name, size_t bytes, uint64_t ino,
                   uint32_t mode);
    long (*link_text)(struct fs *f, uint64_t ino, char *to, size_t bytes);

    /* The block of page `index` of a file; 0: a hole, or what reads as zeros. `make`: it gets one
     * if it has none. EFBIG. */
    long (*block)(struct fs *f, uint64_t ino, uint64_t index, bool make, uint64_t *block);
    /* Gives back all blocks from page `first` on. */
    long (*cut)(struct fs *f, uint64_t ino, uint64_t first);
};

/* Those that a program has: fs_none.c, or fs_disks.c in programs that are linked with ext2/. */
enum fs_kind { FS_EXT2, FS_KINDS };
extern const struct fs_ops *const fs_kinds[FS_KINDS];

/* ext2, ext3 and ext4: ext2/volume.c */
extern const struct fs_ops fs_ext2;
