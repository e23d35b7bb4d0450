/* Opening, committing and closing a volume: which are accepted, and what is durable when. */
#include "libos-posix/ext2/volume.h"

#include <ext2fs/bmap64.h>

extern struct ext2_bitmap_ops ext2fs_blkmap64_rbtree; /* libext2fs, not in its headers */

ext2_filsys volume_enter(struct fs *f)
{
    ext2_filsys fs = f->ext2;
    ext2fs_generic_bitmap_64 maps[] = {(ext2fs_generic_bitmap_64)fs->block_map,
                                       (ext2fs_generic_bitmap_64)fs->inode_map,
                                       (ext2fs_generic_bitmap_64)f->freed};

    fs->io->manager = &volume_channel;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if (maps[i])
            maps[i]->bitmap_ops = &ext2fs_blkmap64_rbtree;
    return fs;
}

long volume_error(errcode_t e)
{
    switch (e) {
    case 0:
        return 0;
    case EXT2_ET_BLOCK_ALLOC_FAIL:
    case EXT2_ET_INODE_ALLOC_FAIL:
        return -ENOSPC;
    case EXT2_ET_NO_MEMORY:
        return -ENOMEM;
    case EXT2_ET_RO_FILSYS:
        return -EROFS;
    case EXT2_ET_FILE_TOO_BIG:
    case EXT2_ET_EXTENT_INVALID_LENGTH:
        return -EFBIG;
    case EXT2_ET_FILE_NOT_FOUND:
        return -ENOENT;
    default:
        return e == ENOMEM || e == ENOSPC ? -(long)e : -EIO;
    }
}

/* libext2fs gives blocks back here (alloc_stats.c is compiled to call these). */
void volume_blocks_freed(ext2fs_block_bitmap map, blk64_t first, unsigned count);
void volume_block_freed(ext2fs_block_bitmap map, blk64_t block);

void volume_blocks_freed(ext2fs_block_bitmap map, blk64_t first, unsigned count)
{
    struct fs *f = ((ext2fs_generic_bitmap_64)map)->fs->priv_data;

    ext2fs_mark_block_bitmap_range2(f->freed, first, count);
    f->any_freed = true;
}

void volume_block_freed(ext2fs_block_bitmap map, blk64_t block)
{
    volume_blocks_freed(map, block, 1);
}

/* From the next commit on they are free. */
static void give_freed(struct fs *f)
{
    ext2_filsys fs = f->ext2;
    const blk64_t last = ext2fs_blocks_count(fs->super) - 1;
    blk64_t at = fs->super->s_first_data_block, first, end;

    while (f->any_freed && at <= last &&
           ext2fs_find_first_set_block_bitmap2(f->freed, at, last, &first) == 0) {
        if (ext2fs_find_first_zero_block_bitmap2(f->freed, first, last, &end))
            end = last + 1;
        ext2fs_unmark_block_bitmap_range2(fs->block_map, first, (unsigned)(end - first));
        at = end;
    }
    if (f->any_freed)
        ext2fs_clear_block_bitmap(f->freed);
    f->any_freed = false;
}

/* What is kept outside of blocks goes into them. */
static errcode_t store(struct fs *f)
{
    ext2_filsys fs = f->ext2;

    give_freed(f);
    errcode_t e = ext2fs_write_bitmaps(fs);
    if (!e && fs->flags & EXT2_FLAG_DIRTY)
        e = ext2fs_flush2(fs, EXT2_FLAG_FLUSH_NO_SYNC);
    return e;
}

static bool write_in_place(struct fs *f)
{
    return blocks_flush(f->blocks) && blocks_write(f->blocks) && blocks_flush(f->blocks);
}

static long commit(struct fs *f)
{
    volume_enter(f);
    errcode_t e = store(f);

    if (e)
        return volume_error(e);
    return (journal_fits(f) ? journal_commit(f) : write_in_place(f)) ? 0 : -EIO;
}

static bool is_atomic(const struct fs *f)
{
    return f->journal.blocks;
}

/* In use: who finds it so must repair it, or replay the journal. */
static void set_in_use(struct fs *f, bool in_use)
{
    struct ext2_super_block *super = f->ext2->super;

    if (!f->journal.blocks && in_use)
        super->s_state &= (__u16)~EXT2_VALID_FS;
    else if (!f->journal.blocks)
        super->s_state |= EXT2_VALID_FS;
    else if (in_use)
        ext2fs_set_feature_journal_needs_recovery(super);
    else
        ext2fs_clear_feature_journal_needs_recovery(super);
    ext2fs_mark_super_dirty(f->ext2);
}

static long finish(struct fs *f)
{
    volume_enter(f);
    if (f->journal.blocks && !journal_finish(f))
        return -EIO;
    set_in_use(f, false);
    errcode_t e = store(f);
    return e ? volume_error(e) : write_in_place(f) ? 0 : -EIO;
}

static void close(struct fs *f)
{
    journal_close(f);
    if (!f->ext2) {
        blocks_memory_free(f);
        return;
    }
    volume_enter(f);
    if (f->freed)
        ext2fs_free_block_bitmap(f->freed);
    ext2fs_free(f->ext2);
    blocks_memory_free(f);
}

#define INCOMPAT_READ                                                                              \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG |                              \
     EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_64BIT | \
     EXT4_FEATURE_INCOMPAT_CSUM_SEED | EXT4_FEATURE_INCOMPAT_LARGEDIR |                            \
     EXT3_FEATURE_INCOMPAT_RECOVER)
#define RO_COMPAT_WRITE                                                                            \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |                     \
     EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |                          \
     EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |                       \
     EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

/* Volumes that would be misread are refused; those that would be damaged may only be read. */
static long check(const struct fs *f, bool read_only, const char **why)
{
    struct ext2_super_block *super = f->ext2->super;

    *why = NULL;
    if (f->ext2->blocksize != BLOCK_BYTES)
        *why = "its blocks are not of 4096 bytes (mkfs.ext4 -b 4096 makes such)";
    else if (super->s_feature_incompat & ~(__u32)INCOMPAT_READ)
        *why = "it has features that are not known here (such as inline_data or encrypt)";
    else if (ext2fs_blocks_count(super) > f->blocks->count)
        *why = "it is larger than the disk";
    if (*why)
        return -EINVAL;
    if (read_only && ext2fs_has_feature_journal_needs_recovery(super)) {
        *why = "its journal has to be replayed first: by mounting it to be written, or e2fsck";
        return -EUCLEAN;
    }
    if ((super->s_state & EXT2_ERROR_FS) || !(super->s_state & EXT2_VALID_FS))
        *why = "it has to be looked at first, by e2fsck";
    if (*why && !read_only)
        return -EUCLEAN;
    if (super->s_feature_ro_compat & ~(__u32)RO_COMPAT_WRITE)
        *why = "it has features that may only be read here (such as quota or bigalloc)";
    else if (ext2fs_has_feature_fast_commit(super))
        *why = "it has the feature fast_commit, and may only be read here";
    return *why && !read_only ? -EROFS : 0;
}

/* Linux does not log how much is free in all, but in each group. */
static void count_free(ext2_filsys fs)
{
    blk64_t blocks = 0;

    fs->super->s_free_inodes_count = 0;
    for (dgrp_t i = 0; i < fs->group_desc_count; i++) {
        blocks += ext2fs_bg_free_blocks_count(fs, i);
        fs->super->s_free_inodes_count += ext2fs_bg_free_inodes_count(fs, i);
    }
    ext2fs_free_blocks_count_set(fs->super, blocks);
    ext2fs_mark_super_dirty(fs);
}

/* The bitmaps, and that it is in use. */
static long begin_writing(struct fs *f, bool replayed)
{
    errcode_t e = ext2fs_read_bitmaps(f->ext2);

    if (!e)
        e = ext2fs_allocate_block_bitmap(f->ext2, "freed", &f->freed);
    if (e)
        return volume_error(e);
    if (!journal_begin(f))
        return -EIO;
    if (replayed)
        count_free(f->ext2);
    f->ext2->super->s_mnt_count++;
    f->ext2->super->s_mtime = (__u32)(blocks_now() / 1000000000);
    set_in_use(f, true);
    e = store(f);
    if (e || !write_in_place(f))
        return e ? volume_error(e) : -EIO;
    f->had_orphans = f->ext2->super->s_last_orphan;
    return f->had_orphans ? volume_free_orphans(f) ? -EIO : commit(f) : 0;
}

/* libext2fs finds the channel's blocks by this name. */
static void name_of(const struct blocks *b, char name[17])
{
    for (unsigned i = 0; i < 16; i++)
        name[i] = "0123456789abcdef"[(uintptr_t)b >> (60 - 4 * i) & 15];
    name[16] = 0;
}

static long open_library(struct fs *f, bool read_only, const char **why)
{
    char name[17];

    name_of(f->blocks, name);
    errcode_t e = ext2fs_open2(name, NULL, EXT2_FLAG_64BITS | (read_only ? 0 : EXT2_FLAG_RW), 0, 0,
                               &volume_channel, &f->ext2);
    if (e) {
        f->ext2 = NULL;
        if (e == EXT2_ET_BAD_MAGIC)
            return -EINVAL;
        *why = e == EXT2_ET_UNSUPP_FEATURE || e == EXT2_ET_RO_UNSUPP_FEATURE
                   ? "it has features that are not known here"
                   : "its superblock is damaged";
        return e == ENOMEM || e == EIO ? -(long)e : -EINVAL;
    }
    f->ext2->priv_data = f;
    f->ext2->default_bitmap_type = EXT2FS_BMAP64_RBTREE;
    return check(f, read_only, why);
}

/* What the journal says goes in place; then all is read again, for the superblock may be another.
 */
static long replay(struct fs *f, const char **why)
{
    long e = journal_open(f, why);

    if (!e && ext2fs_has_feature_journal_needs_recovery(f->ext2->super))
        e = journal_replay(f, why);
    if (e <= 0)
        return e;
    ext2fs_free(f->ext2);
    e = open_library(f, false, why);
    return e ? e : 1;
}

static long open(struct blocks *b, bool read_only, struct fs **out, const char **why)
{
    struct fs *f = blocks_memory(sizeof *f);

    *why = NULL;
    if (!f)
        return -ENOMEM;
    f->blocks = b;
    long e = open_library(f, read_only, why);
    if (!e && !read_only)
        e = replay(f, why);
    if (e >= 0 && !read_only)
        e = begin_writing(f, e);
    if (e)
        close(f);
    else
        *out = f;
    return e;
}

static uint64_t root(const struct fs *f)
{
    (void)f;
    return EXT2_ROOT_INO;
}

static void space(const struct fs *f, struct fs_space *out)
{
    struct ext2_super_block *super = f->ext2->super;

    *out = (struct fs_space){
        .blocks = ext2fs_blocks_count(super),
        .blocks_free = ext2fs_free_blocks_count(super),
        .blocks_kept = ext2fs_r_blocks_count(super),
        .files = super->s_inodes_count,
        .files_free = super->s_free_inodes_count,
    };
}

const struct fs_ops fs_ext2 = {
    .magic = EXT2_SUPER_MAGIC,
    .open = open,
    .close = close,
    .root = root,
    .space = space,
    .commit = commit,
    .is_atomic = is_atomic,
    .finish = finish,
    .get = volume_get,
    .put = volume_put,
    .make = volume_make,
    .free = volume_free,
    .orphans = volume_orphans,
    .list = volume_list,
    .link = volume_link,
    .unlink = volume_unlink,
    .relink = volume_relink,
    .link_text = volume_link_text,
    .block = volume_block,
    .cut = volume_cut,
};
