/* Inodes of a volume: attributes, making and freeing, and which blocks a file has. */
#include "libos-posix/ext2/volume.h"

#define NS_PER_SECOND 1000000000u
#define EPOCH_BITS    2u /* of i_*time_extra: seconds beyond 32 bits; above them nanoseconds */

_Static_assert(sizeof(struct ext2_inode_large) <= 256, "one buffer for all sizes");

/* Reads an inode with as much of it as both sides know. */
static errcode_t inode_read(ext2_filsys fs, uint64_t ino, struct ext2_inode_large *inode)
{
    memset(inode, 0, sizeof *inode);
    if (!ino || ino > fs->super->s_inodes_count)
        return EXT2_ET_BAD_INODE_NUM;
    return ext2fs_read_inode_full(fs, (ext2_ino_t)ino, (struct ext2_inode *)inode, sizeof *inode);
}

static errcode_t inode_write(ext2_filsys fs, uint64_t ino, struct ext2_inode_large *inode)
{
    return ext2fs_write_inode_full(fs, (ext2_ino_t)ino, (struct ext2_inode *)inode, sizeof *inode);
}

static bool has_extra(ext2_filsys fs, const struct ext2_inode_large *inode)
{
    return EXT2_INODE_SIZE(fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
           inode->i_extra_isize >=
               offsetof(struct ext2_inode_large, i_crtime) - EXT2_GOOD_OLD_INODE_SIZE;
}

static uint64_t time_get(__u32 seconds, __u32 extra)
{
    int64_t whole = (int32_t)seconds + ((int64_t)(extra & ((1u << EPOCH_BITS) - 1)) << 32);

    return whole < 0 ? 0 : (uint64_t)whole * NS_PER_SECOND + (extra >> EPOCH_BITS);
}

static void time_set(uint64_t ns, bool extra, __u32 *seconds, __u32 *more)
{
    const uint64_t whole = ns / NS_PER_SECOND;

    *seconds = extra || whole <= INT32_MAX ? (__u32)whole : INT32_MAX;
    if (extra)
        *more =
            (__u32)(((uint64_t)((int64_t)whole - (int32_t)whole) >> 32 & ((1u << EPOCH_BITS) - 1)) |
                    ns % NS_PER_SECOND << EPOCH_BITS);
}

static bool is_device(uint32_t mode)
{
    return LINUX_S_ISCHR(mode) || LINUX_S_ISBLK(mode);
}

/* As Linux packs them: a short form in the first word, or a long one in the second. */
static void device_get(const struct ext2_inode_large *inode, struct fs_attributes *out)
{
    const __u32 old = inode->i_block[0], new = inode->i_block[1];

    out->major = old ? old >> 8 & 0xff : new >> 8 & 0xfff;
    out->minor = old ? old & 0xff : (new & 0xff) | (new >> 12 & 0xfff00);
}

static void device_set(struct ext2_inode_large *inode, const struct fs_attributes *in)
{
    const bool is_short = in->major < 256 && in->minor < 256;

    inode->i_block[0] = is_short ? in->major << 8 | in->minor : 0;
    inode->i_block[1] =
        is_short ? 0 : (in->minor & 0xff) | in->major << 8 | (in->minor & ~0xffu) << 12;
}

long volume_get(struct fs *f, uint64_t ino, struct fs_attributes *out)
{
    ext2_filsys fs = volume_enter(f);
    struct ext2_inode_large inode;
    errcode_t e = inode_read(fs, ino, &inode);

    if (e)
        return volume_error(e);
    *out = (struct fs_attributes){
        .mode = inode.i_mode,
        .uid = inode_uid(inode),
        .gid = inode_gid(inode),
        .links = inode.i_links_count,
        .size = EXT2_I_SIZE((struct ext2_inode *)&inode),
        .sectors = ext2fs_get_stat_i_blocks(fs, (struct ext2_inode *)&inode),
        .atime = time_get(inode.i_atime, has_extra(fs, &inode) ? inode.i_atime_extra : 0),
        .mtime = time_get(inode.i_mtime, has_extra(fs, &inode) ? inode.i_mtime_extra : 0),
        .ctime = time_get(inode.i_ctime, has_extra(fs, &inode) ? inode.i_ctime_extra : 0),
    };
    if (is_device(inode.i_mode))
        device_get(&inode, out);
    return 0;
}

/* A directory's size is libext2fs', as is where the blocks are. */
static errcode_t describe(ext2_filsys fs, struct ext2_inode_large *inode,
                          const struct fs_attributes *in)
{
    const bool extra = has_extra(fs, inode);

    inode->i_mode = (__u16)in->mode;
    inode->i_uid = (__u16)in->uid;
    inode->osd2.linux2.l_i_uid_high = (__u16)(in->uid >> 16);
    inode->i_gid = (__u16)in->gid;
    inode->osd2.linux2.l_i_gid_high = (__u16)(in->gid >> 16);
    inode->i_links_count = (__u16)in->links;
    inode->i_dtime = 0;
    time_set(in->atime, extra, &inode->i_atime, &inode->i_atime_extra);
    time_set(in->mtime, extra, &inode->i_mtime, &inode->i_mtime_extra);
    time_set(in->ctime, extra, &inode->i_ctime, &inode->i_ctime_extra);
    if (is_device(in->mode))
        device_set(inode, in);
    return LINUX_S_ISREG(in->mode)
               ? ext2fs_inode_size_set(fs, (struct ext2_inode *)inode, (ext2_off64_t)in->size)
               : 0;
}

long volume_put(struct fs *f, uint64_t ino, const struct fs_attributes *in)
{
    ext2_filsys fs = volume_enter(f);
    struct ext2_inode_large inode;
    errcode_t e = inode_read(fs, ino, &inode);

    if (!e)
        e = describe(fs, &inode, in);
    if (!e)
        e = inode_write(fs, ino, &inode);
    return volume_error(e);
}

/* A file of any kind that has no blocks yet. */
static errcode_t make_plain(ext2_filsys fs, ext2_ino_t ino, const struct fs_attributes *in)
{
    struct ext2_inode_large inode = {.i_mode = (__u16)in->mode};
    ext2_extent_handle_t handle;
    errcode_t e = 0;

    if (LINUX_S_ISREG(in->mode) && ext2fs_has_feature_extents(fs->super)) {
        e = ext2fs_extent_open2(fs, ino, (struct ext2_inode *)&inode, &handle); /* an empty tree */
        if (!e)
            ext2fs_extent_free(handle);
    }
    if (!e)
        e = ext2fs_write_new_inode(fs, ino, (struct ext2_inode *)&inode);
    if (!e)
        ext2fs_inode_alloc_stats2(fs, ino, +1, 0);
    return e;
}

static errcode_t make_link(ext2_filsys fs, uint64_t dir, ext2_ino_t ino, const char *text,
                           size_t bytes)
{
    char *ended = blocks_memory(bytes + 1);

    if (!ended)
        return ENOMEM;
    memcpy(ended, text, bytes);
    errcode_t e = ext2fs_symlink(fs, (ext2_ino_t)dir, ino, NULL, ended);
    blocks_memory_free(ended);
    return e;
}

long volume_make(struct fs *f, uint64_t dir, const struct fs_attributes *in, const char *text,
                 size_t text_bytes, uint64_t *ino)
{
    ext2_filsys fs = volume_enter(f);
    ext2_ino_t new;
    errcode_t e = ext2fs_new_inode(fs, (ext2_ino_t)dir, (int)in->mode, NULL, &new);

    if (e)
        return volume_error(e);
    if (LINUX_S_ISDIR(in->mode))
        e = ext2fs_mkdir(fs, (ext2_ino_t)dir, new, NULL);
    else if (LINUX_S_ISLNK(in->mode))
        e = make_link(fs, dir, new, text, text_bytes);
    else
        e = make_plain(fs, new, in);
    *ino = new;
    return e ? volume_error(e) : volume_put(f, new, in);
}

long volume_free(struct fs *f, uint64_t ino)
{
    ext2_filsys fs = volume_enter(f);
    struct ext2_inode_large inode;
    errcode_t e = inode_read(fs, ino, &inode);

    if (!e && ext2fs_inode_has_valid_blocks2(fs, (struct ext2_inode *)&inode))
        e = ext2fs_punch(fs, (ext2_ino_t)ino, (struct ext2_inode *)&inode, NULL, 0, ~(blk64_t)0);
    if (!e)
        e = ext2fs_free_ext_attr(fs, (ext2_ino_t)ino, &inode);
    if (e)
        return volume_error(e);
    inode.i_links_count = 0;
    inode.i_dtime = (__u32)(blocks_now() / NS_PER_SECOND);
    ext2fs_inode_alloc_stats2(fs, (ext2_ino_t)ino, -1, LINUX_S_ISDIR(inode.i_mode));
    return volume_error(inode_write(fs, ino, &inode));
}

long volume_orphans(struct fs *f, const uint64_t *inos, size_t count)
{
    ext2_filsys fs = volume_enter(f);
    struct ext2_inode_large inode;
    errcode_t e = 0;

    if (!count && !f->had_orphans)
        return 0;
    fs->super->s_last_orphan = count ? (__u32)inos[0] : 0;
    ext2fs_mark_super_dirty(fs);
    for (size_t i = 0; i < count && !e; i++) {
        e = inode_read(fs, inos[i], &inode);
        inode.i_dtime = i + 1 < count ? (__u32)inos[i + 1] : 0;
        if (!e)
            e = inode_write(fs, inos[i], &inode);
    }
    f->had_orphans = count;
    return volume_error(e);
}

long volume_free_orphans(struct fs *f)
{
    ext2_filsys fs = volume_enter(f);
    uint64_t ino = fs->super->s_last_orphan, next;
    struct ext2_inode_large inode;
    long e = 0;

    for (uint32_t i = 0; ino && !e && i < fs->super->s_inodes_count; i++, ino = next) {
        e = volume_error(inode_read(fs, ino, &inode));
        next = inode.i_dtime;
        if (e || (ino < EXT2_FIRST_INODE(fs->super)) ||
            !ext2fs_test_inode_bitmap2(fs->inode_map, (ext2_ino_t)ino))
            return -EIO;
        if (!inode.i_links_count) {
            e = volume_free(f, ino);
            continue;
        }
        inode.i_dtime = 0;
        e = volume_error(inode_write(fs, ino, &inode));
        if (!e && LINUX_S_ISREG(inode.i_mode))
            e = volume_cut(f, ino, (EXT2_I_SIZE(&inode) + BLOCK_BYTES - 1) / BLOCK_BYTES);
    }
    fs->super->s_last_orphan = 0;
    f->had_orphans = false;
    ext2fs_mark_super_dirty(fs);
    return e;
}

long volume_link_text(struct fs *f, uint64_t ino, char *to, size_t bytes)
{
    ext2_filsys fs = volume_enter(f);
    struct ext2_inode_large inode;
    blk64_t block;
    errcode_t e = inode_read(fs, ino, &inode);

    if (!e && bytes >= BLOCK_BYTES)
        return -EIO;
    if (!e && ext2fs_is_fast_symlink((struct ext2_inode *)&inode)) {
        memcpy(to, inode.i_block, bytes < sizeof inode.i_block ? bytes : sizeof inode.i_block);
        return 0;
    }
    if (!e)
        e = ext2fs_bmap2(fs, (ext2_ino_t)ino, (struct ext2_inode *)&inode, NULL, 0, 0, NULL,
                         &block);
    struct block *text = !e && block ? blocks_get(f->blocks, block, true) : NULL;
    if (!text)
        return e ? volume_error(e) : -EIO;
    memcpy(to, text->bytes, bytes);
    return 0;
}

/* Space that was only kept (fallocate on Linux) reads as zeros until it is written. */
long volume_block(struct fs *f, uint64_t ino, uint64_t index, bool make, uint64_t *block)
{
    ext2_filsys fs = volume_enter(f);
    blk64_t found = 0;
    int flags = 0;

    *block = 0;
    if (index >= UINT32_MAX)
        return make ? -EFBIG : 0;
    errcode_t e =
        ext2fs_bmap2(fs, (ext2_ino_t)ino, NULL, NULL, make ? BMAP_ALLOC : 0, index, &flags, &found);
    if (!e && flags & BMAP_RET_UNINIT && make)
        e = ext2fs_bmap2(fs, (ext2_ino_t)ino, NULL, NULL, BMAP_SET, index, NULL, &found);
    else if (flags & BMAP_RET_UNINIT)
        found = 0;
    *block = e ? 0 : found;
    return volume_error(e);
}

long volume_cut(struct fs *f, uint64_t ino, uint64_t first)
{
    return volume_error(
        ext2fs_punch(volume_enter(f), (ext2_ino_t)ino, NULL, NULL, first, ~(blk64_t)0));
}
