/* A small library file system over a tree. */
#include "tests/qemu/tree_fs.h"

#include "libos/call.h"
#include "libos/string.h"

enum { INODES, POINTERS, DATA, PAGES }; /* pages of the ring */

#define WORDS (DISK_BLOCK_BYTES / sizeof(uint64_t))

enum err tree_fs_templates(slot_t tree, slot_t inodes, slot_t pointers)
{
    const uint64_t parameters[TREE_PARAMETERS] = {SMALL_POINTERS};
    enum err e = exo_tree_template(tree, SMALL_INODES, inodes, (vaddr_t)parameters);

    return e ? e : exo_tree_template(tree, SMALL_POINTERS, pointers, 0);
}

enum err tree_fs_open(struct tree_fs *fs, slot_t tree, uint32_t root, uint32_t first,
                      uint32_t count)
{
    *fs = (struct tree_fs){.tree = tree, .root = root, .first = first, .count = count};
    enum err e = disk_open(&fs->disk, tree, PAGES);

    if (e)
        return e;
    fs->inodes = disk_page(&fs->disk, INODES);
    fs->pointers = disk_page(&fs->disk, POINTERS);
    return ERR_OK;
}

void tree_fs_close(struct tree_fs *fs)
{
    disk_close(&fs->disk);
}

static enum err write_inodes(struct tree_fs *fs)
{
    return disk_write_as(&fs->disk, SMALL_INODES, fs->root, INODES);
}

/* What was written or dropped before is so for ever. */
static enum err settle(struct tree_fs *fs)
{
    return disk_flush(&fs->disk);
}

enum err tree_fs_format(struct tree_fs *fs)
{
    memset(fs->inodes, 0, DISK_BLOCK_BYTES);
    fs->inodes->magic = SMALL_INODE_MAGIC;
    enum err e = write_inodes(fs);
    return e ? e : settle(fs);
}

static struct small_inode *inode_of(const struct tree_fs *fs, uint32_t file)
{
    return &fs->inodes->inodes[file];
}

static enum err read_pointers(struct tree_fs *fs, uint32_t file)
{
    return disk_read(&fs->disk, inode_of(fs, file)->pointers, 1, POINTERS);
}

enum err tree_fs_mount(struct tree_fs *fs)
{
    enum err e = settle(fs);

    if (e == ERR_OK)
        e = disk_read(&fs->disk, fs->root, 1, INODES);
    for (uint32_t i = 0; e == ERR_OK && i < SMALL_INODE_COUNT; i++)
        if (inode_of(fs, i)->used && inode_of(fs, i)->pointers)
            e = read_pointers(fs, i);
    return e;
}

uint32_t tree_fs_length(const struct tree_fs *fs, uint32_t file)
{
    return inode_of(fs, file)->bytes / DISK_BLOCK_BYTES;
}

uint32_t tree_fs_where(struct tree_fs *fs, uint32_t file, uint32_t index)
{
    const struct small_inode *n = inode_of(fs, file);

    if (!n->used || index >= tree_fs_length(fs, file))
        return 0;
    if (index < SMALL_DIRECT)
        return n->direct[index];
    return read_pointers(fs, file) ? 0 : fs->pointers->to[index - SMALL_DIRECT];
}

static void fill(const struct tree_fs *fs, uint64_t value)
{
    uint64_t *word = disk_page(&fs->disk, DATA);

    for (unsigned i = 0; i < WORDS; i++)
        word[i] = value + i;
}

bool tree_fs_holds(struct tree_fs *fs, uint32_t file, uint32_t index, uint64_t value)
{
    const uint64_t *word = disk_page(&fs->disk, DATA);
    uint32_t block = tree_fs_where(fs, file, index);
    bool good = block && disk_read(&fs->disk, block, 1, DATA) == ERR_OK;

    for (unsigned i = 0; good && i < WORDS; i++)
        good = word[i] == value + i;
    return good;
}

/* A block of pointers to nothing, on the disk before an inode names it. */
static enum err add_pointers(struct tree_fs *fs, uint32_t file)
{
    uint32_t block;
    enum err e = tree_find_free(fs->tree, fs->first, fs->count, &block);

    if (e)
        return e;
    memset(fs->pointers, 0, DISK_BLOCK_BYTES);
    e = disk_write_as(&fs->disk, SMALL_POINTERS, block, POINTERS);
    if (e == ERR_OK)
        e = settle(fs);
    inode_of(fs, file)->pointers = block;
    return e ? e : write_inodes(fs);
}

/* Enters a block as the next one of a file; it is free, or written and nobody's. */
static enum err enter(struct tree_fs *fs, uint32_t file, uint32_t block)
{
    struct small_inode *n = inode_of(fs, file);
    uint32_t index = tree_fs_length(fs, file);
    enum err e = ERR_OK;

    n->used = 1;
    if (index < SMALL_DIRECT) {
        n->direct[index] = block;
        n->bytes += DISK_BLOCK_BYTES;
        return write_inodes(fs);
    }
    e = n->pointers ? read_pointers(fs, file) : add_pointers(fs, file);
    if (e)
        return e;
    fs->pointers->to[index - SMALL_DIRECT] = block;
    e = disk_write_as(&fs->disk, SMALL_POINTERS, n->pointers, POINTERS);
    n->bytes += DISK_BLOCK_BYTES;
    return e ? e : write_inodes(fs);
}

enum err tree_fs_append(struct tree_fs *fs, uint32_t file, uint64_t value)
{
    uint32_t block;
    enum err e = tree_find_free(fs->tree, fs->first, fs->count, &block);

    if (e)
        return e;
    fill(fs, value);
    e = disk_write(&fs->disk, block, 1, DATA); /* before it is named: after a crash too */
    if (e == ERR_OK)
        e = settle(fs);
    return e ? e : enter(fs, file, block);
}

enum err tree_fs_truncate(struct tree_fs *fs, uint32_t file)
{
    struct small_inode *n = inode_of(fs, file);
    enum err e = ERR_OK;

    if (n->pointers) {
        memset(fs->pointers, 0, DISK_BLOCK_BYTES);
        e = disk_write_as(&fs->disk, SMALL_POINTERS, n->pointers, POINTERS);
    }
    if (e)
        return e;
    memset(n, 0, sizeof *n);
    e = write_inodes(fs);
    return e ? e : settle(fs);
}

enum err tree_fs_move(struct tree_fs *fs, uint32_t from, uint32_t to)
{
    struct small_inode *n = inode_of(fs, from);
    uint32_t last = tree_fs_length(fs, from) - 1, block = tree_fs_where(fs, from, last);
    enum err e;

    if (!block || last < SMALL_DIRECT || tree_fs_length(fs, to) >= SMALL_DIRECT)
        return ERR_BAD_ARG;
    e = disk_read(&fs->disk, block, 1, DATA);
    fs->pointers->to[last - SMALL_DIRECT] = 0;
    if (e == ERR_OK)
        e = disk_write_as(&fs->disk, SMALL_POINTERS, n->pointers, POINTERS);
    if (e == ERR_OK)
        e = settle(fs); /* until then it is the first one's */
    n->bytes -= DISK_BLOCK_BYTES;
    if (e == ERR_OK)
        e = disk_write(&fs->disk, block, 1, DATA); /* a free block's content is nobody's */
    if (e == ERR_OK)
        e = settle(fs);
    return e ? e : enter(fs, to, block);
}
