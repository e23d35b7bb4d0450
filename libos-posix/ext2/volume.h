/*
 * An ext2, ext3 or ext4 file system through libext2fs, whose headers and the core's do not mix:
 * this folder sees fs.h and blocks.h alone. All state lies in the arena.
 */
#pragma once

#include <config.h>
#include <errno.h>
#include <sys/time.h>
#include <sys/types.h>

#include <ext2fs/ext2fs.h>

#include "libos-posix/file/blocks.h"
#include "libos-posix/base/fs.h"

/* The journal of a volume; see volume_journal.c. Places are numbers of its own blocks. */
struct journal {
    uint32_t blocks;   /* 0: there is none */
    uint32_t first;    /* where its log begins; it ends with its blocks */
    uint32_t head;     /* where the next transaction goes   */
    uint32_t sequence; /* and its number                    */
    uint64_t *map;     /* [blocks]: where they are          */
    uint8_t *super;    /* its block 0                       */
    uint8_t *page;     /* for what is written besides       */
};

struct fs {
    ext2_filsys ext2;
    struct blocks *blocks;
    ext2fs_block_bitmap freed; /* since the last commit: not used again before the next */
    bool any_freed;
    bool had_orphans; /* the list on the disk is not empty */
    struct journal journal;
};

/* Sets what is code in libext2fs' state to this program's. Each operation begins with it. */
ext2_filsys volume_enter(struct fs *f);

/* An error of libext2fs as a Linux number negated; 0 is 0. */
long volume_error(errcode_t e);

/* The channel that libext2fs reads and writes blocks by. */
extern struct struct_io_manager volume_channel;

/* operations of fs.h, by file: volume.c, volume_inode.c, volume_dir.c, volume_journal.c,
 * volume_replay.c */
long volume_get(struct fs *f, uint64_t ino, struct fs_attributes *out);
long volume_put(struct fs *f, uint64_t ino, const struct fs_attributes *in);
long volume_make(struct fs *f, uint64_t dir, const struct fs_attributes *in, const char *text,
                 size_t text_bytes, uint64_t *ino);
long volume_free(struct fs *f, uint64_t ino);
/* What the list of orphans on the disk names is freed, or cut at its size, as after a crash. */
long volume_free_orphans(struct fs *f);
long volume_orphans(struct fs *f, const uint64_t *inos, size_t count);
long volume_link_text(struct fs *f, uint64_t ino, char *to, size_t bytes);
long volume_block(struct fs *f, uint64_t ino, uint64_t index, bool make, uint64_t *block);
long volume_cut(struct fs *f, uint64_t ino, uint64_t first);
long volume_list(struct fs *f, uint64_t dir, fs_entry_seen *seen, void *context);
long volume_link(struct fs *f, uint64_t dir, const char *name, size_t bytes, uint64_t ino,
                 uint32_t mode);
long volume_unlink(struct fs *f, uint64_t dir, const char *name, size_t bytes);
long volume_relink(struct fs *f, uint64_t dir, const char *name, size_t bytes, uint64_t ino,
                   uint32_t mode);

/* Finds the journal, if there is one. EUCLEAN, EROFS: it is of an unknown kind. */
long journal_open(struct fs *f, const char **why);

/* Does what the log says, if it says something, and empties it: 1 when blocks of the volume are
 * others now. EUCLEAN: it is damaged, or has features that are not known here. */
long journal_replay(struct fs *f, const char **why);

/* Transactions come from now on. Pre: the log is empty. */
bool journal_begin(struct fs *f);
void journal_close(struct fs *f);

/* Writes all changed blocks so that either all or none are on the disk. Pre: journal_fits(). False:
 * the disk failed, or no memory. */
bool journal_fits(const struct fs *f);
bool journal_commit(struct fs *f);

/* Nothing in it is needed any more. */
bool journal_finish(struct fs *f);
