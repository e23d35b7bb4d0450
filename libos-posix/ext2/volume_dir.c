/* Directories of a volume. */
#include "libos-posix/ext2/volume.h"

#define NAME_MOST 255u

/* libext2fs wants names that end. */
struct name {
    char text[NAME_MOST + 1];
};

static struct name name_of(const char *name, size_t bytes)
{
    struct name n = {{0}};

    memcpy(n.text, name, bytes <= NAME_MOST ? bytes : NAME_MOST);
    return n;
}

/* The type of a file as a directory says it, if it does. */
static int type_of(ext2_filsys fs, uint32_t mode)
{
    static const uint8_t types[16] = {
        [LINUX_S_IFREG >> 12] = EXT2_FT_REG_FILE, [LINUX_S_IFDIR >> 12] = EXT2_FT_DIR,
        [LINUX_S_IFCHR >> 12] = EXT2_FT_CHRDEV,   [LINUX_S_IFBLK >> 12] = EXT2_FT_BLKDEV,
        [LINUX_S_IFIFO >> 12] = EXT2_FT_FIFO,     [LINUX_S_IFSOCK >> 12] = EXT2_FT_SOCK,
        [LINUX_S_IFLNK >> 12] = EXT2_FT_SYMLINK,
    };

    return ext2fs_has_feature_filetype(fs->super) ? types[mode >> 12 & 15] : EXT2_FT_UNKNOWN;
}

struct reading {
    fs_entry_seen *seen;
    void *context;
    long error;
};

static bool is_dots(const char *name, size_t bytes)
{
    return name[0] == '.' && (bytes == 1 || (bytes == 2 && name[1] == '.'));
}

/* A name that no path can reach means that the directory is damaged. */
static int entry_read(struct ext2_dir_entry *entry, int offset, int size, char *block,
                      void *private)
{
    struct reading *r = private;
    const size_t bytes = (size_t)ext2fs_dirent_name_len(entry);

    (void)offset, (void)size, (void)block;
    if (!bytes || memchr(entry->name, 0, bytes) || memchr(entry->name, '/', bytes))
        r->error = -EIO;
    else if (!is_dots(entry->name, bytes))
        r->error = r->seen(r->context, entry->name, bytes, entry->inode);
    return r->error ? DIRENT_ABORT : 0;
}

long volume_list(struct fs *f, uint64_t dir, fs_entry_seen *seen, void *context)
{
    struct reading r = {seen, context, 0};
    errcode_t e = ext2fs_dir_iterate(volume_enter(f), (ext2_ino_t)dir, 0, NULL, entry_read, &r);

    return e ? volume_error(e) : r.error;
}

long volume_link(struct fs *f, uint64_t dir, const char *name, size_t bytes, uint64_t ino,
                 uint32_t mode)
{
    ext2_filsys fs = volume_enter(f);
    const struct name n = name_of(name, bytes);
    const int type = type_of(fs, mode);
    errcode_t e = ext2fs_link(fs, (ext2_ino_t)dir, n.text, (ext2_ino_t)ino, type);

    if (e == EXT2_ET_DIR_NO_SPACE) {
        e = ext2fs_expand_dir(fs, (ext2_ino_t)dir);
        if (!e)
            e = ext2fs_link(fs, (ext2_ino_t)dir, n.text, (ext2_ino_t)ino, type);
    }
    return volume_error(e);
}

long volume_unlink(struct fs *f, uint64_t dir, const char *name, size_t bytes)
{
    const struct name n = name_of(name, bytes);

    return volume_error(ext2fs_unlink(volume_enter(f), (ext2_ino_t)dir, n.text, 0, 0));
}

struct change {
    const char *name;
    size_t bytes;
    ext2_ino_t ino;
    int type;
    bool done;
};

static int entry_change(struct ext2_dir_entry *entry, int offset, int size, char *block,
                        void *private)
{
    struct change *c = private;

    (void)offset, (void)size, (void)block;
    if ((size_t)ext2fs_dirent_name_len(entry) != c->bytes ||
        memcmp(entry->name, c->name, c->bytes) != 0)
        return 0;
    entry->inode = c->ino;
    ext2fs_dirent_set_file_type(entry, c->type);
    c->done = true;
    return DIRENT_ABORT | DIRENT_CHANGED;
}

long volume_relink(struct fs *f, uint64_t dir, const char *name, size_t bytes, uint64_t ino,
                   uint32_t mode)
{
    ext2_filsys fs = volume_enter(f);
    struct change c = {name, bytes, (ext2_ino_t)ino, type_of(fs, mode), false};
    errcode_t e = ext2fs_dir_iterate(fs, (ext2_ino_t)dir, 0, NULL, entry_change, &c);

    return e ? volume_error(e) : c.done ? 0 : -ENOENT;
}
