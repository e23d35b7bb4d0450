/*
 * The journal of a volume, in the form that jbd2 gives it, so that Linux and e2fsck replay it.
 *
 * A transaction is descriptors, each with the blocks that it names, and a commit block. It is put
 * in place at once, so the log holds one at most that counts; the next one goes behind it, so that
 * no part of it is overwritten before the journal's own superblock says that it is past. None goes
 * round the end.
 */
#include "libos-posix/ext2/volume_log.h"

#define BLOCKS_LEAST 1024u

static bool move(struct fs *f, bool write, uint32_t place, void *page)
{
    return blocks_move(f->blocks, write, &(struct blocks_move){f->journal.map[place], page}, 1);
}

/* What features its writer used does not matter while it is empty: this one uses none. */
static const char *check(const struct journal *j)
{
    const uint8_t *s = j->super;

    if (log_word_get(s, SUPER_MAGIC) != LOG_MAGIC || log_word_get(s, SUPER_TYPE) != LOG_SUPER_V2 ||
        log_word_get(s, SUPER_BLOCK_BYTES) != BLOCK_BYTES ||
        log_word_get(s, SUPER_BLOCKS) < BLOCKS_LEAST || j->blocks < BLOCKS_LEAST ||
        !log_word_get(s, SUPER_FIRST) || log_word_get(s, SUPER_FIRST) > BLOCKS_LEAST / 2)
        return "its journal is of a kind that is not known here";
    return log_word_get(s, SUPER_ERROR) ? "it has to be looked at first, by e2fsck" : NULL;
}

/* Says from where replaying begins; 0: from nowhere. What is in the log then has none of the
 * features that another writer's had. */
static bool write_super(struct fs *f, uint32_t start)
{
    uint8_t *super = f->journal.super;

    for (unsigned i = SUPER_COMPAT; i <= SUPER_RO_COMPAT; i++)
        log_word_set(super, i, 0);
    log_word_set(super, SUPER_CHECKSUM_TYPE, 0);
    log_word_set(super, SUPER_FAST_BLOCKS, 0);
    log_word_set(super, SUPER_CHECKSUM, 0);
    log_word_set(super, SUPER_SEQUENCE, f->journal.sequence);
    log_word_set(super, SUPER_START, start);
    return move(f, true, 0, super);
}

static long map_blocks(struct fs *f, ext2_ino_t ino)
{
    struct ext2_inode inode;
    errcode_t e = ext2fs_read_inode(f->ext2, ino, &inode);

    if (e)
        return volume_error(e);
    const uint64_t blocks = EXT2_I_SIZE(&inode) / BLOCK_BYTES;
    f->journal.blocks = blocks < 16 * BLOCKS_LEAST ? (uint32_t)blocks : 16 * BLOCKS_LEAST;
    f->journal.map = blocks_memory(f->journal.blocks * sizeof(uint64_t));
    if (!f->journal.map)
        return -ENOMEM;
    for (uint32_t i = 0; i < f->journal.blocks && !e; i++) {
        blk64_t block;
        e = ext2fs_bmap2(f->ext2, ino, &inode, NULL, 0, i, NULL, &block);
        f->journal.map[i] = block;
        if (!e && !block)
            return -EIO; /* a hole: damaged */
    }
    return volume_error(e);
}

/* Reads its superblock. What is not mapped of it is not used. */
static long read_super(struct fs *f, const char **why)
{
    struct journal *j = &f->journal;
    const uint32_t mapped = j->blocks;

    j->super = blocks_page();
    j->page = blocks_page();
    if (!j->super || !j->page)
        return -ENOMEM;
    if (!mapped || !move(f, false, 0, j->super))
        return -EIO;
    *why = check(j);
    if (*why)
        return -EUCLEAN;
    if (log_word_get(j->super, SUPER_BLOCKS) < mapped)
        j->blocks = log_word_get(j->super, SUPER_BLOCKS);
    j->first = j->head = log_word_get(j->super, SUPER_FIRST);
    j->sequence = log_word_get(j->super, SUPER_SEQUENCE);
    return 0;
}

long journal_open(struct fs *f, const char **why)
{
    struct ext2_super_block *super = f->ext2->super;

    if (!ext2fs_has_feature_journal(super))
        return 0;
    *why = super->s_journal_inum ? NULL : "its journal is on another disk";
    if (*why)
        return -EROFS;
    long e = map_blocks(f, super->s_journal_inum);
    return e ? e : read_super(f, why);
}

bool journal_begin(struct fs *f)
{
    return !f->journal.blocks || write_super(f, f->journal.head);
}

void journal_close(struct fs *f)
{
    blocks_memory_free(f->journal.map);
    if (f->journal.super)
        blocks_page_free(f->journal.super);
    if (f->journal.page)
        blocks_page_free(f->journal.page);
}

/* Its blocks, their descriptors, and the commit block. */
static uint32_t length_of(uint32_t changed)
{
    return changed + (changed + TAGS_MOST - 1) / TAGS_MOST + 1;
}

bool journal_fits(const struct fs *f)
{
    return f->journal.blocks &&
           length_of(f->blocks->changed) <= f->journal.blocks - f->journal.first;
}

static void begin_page(struct journal *j, uint32_t type)
{
    memset(j->page, 0, BLOCK_BYTES);
    log_word_set(j->page, 0, LOG_MAGIC);
    log_word_set(j->page, 1, type);
    log_word_set(j->page, 2, j->sequence);
}

static bool is_escaped(const struct block *block)
{
    return log_word_get(block->bytes, 0) == LOG_MAGIC;
}

static void describe(struct journal *j, struct block *const *list, size_t count)
{
    uint8_t *tag = j->page + HEAD_BYTES;

    begin_page(j, LOG_DESCRIBE);
    for (size_t i = 0; i < count; i++) {
        log_word_set(tag, 0, (uint32_t)list[i]->number);
        log_word_set(tag, 1,
                     (is_escaped(list[i]) ? TAG_ESCAPED : 0) | (i ? TAG_SAME : 0) |
                         (i + 1 == count ? TAG_LAST : 0));
        tag += TAG_BYTES + (i ? 0 : UUID_BYTES);
    }
}

static bool log_block(struct fs *f, const struct block *block)
{
    struct journal *j = &f->journal;
    uint8_t *from = block->bytes;

    if (is_escaped(block)) {
        memcpy(j->page, block->bytes, BLOCK_BYTES);
        log_word_set(j->page, 0, 0);
        from = j->page;
    }
    const bool done = move(f, true, j->head, from);
    j->head++;
    return done;
}

static bool log_blocks(struct fs *f, struct block *const *list, size_t count)
{
    struct journal *j = &f->journal;

    describe(j, list, count);
    bool done = move(f, true, j->head, j->page);
    j->head++;
    for (size_t i = 0; i < count && done; i++)
        done = log_block(f, list[i]);
    return done;
}

static bool log_all(struct fs *f, struct block **list, size_t count)
{
    bool done = true;

    for (size_t at = 0, part; at < count && done; at += part) {
        part = count - at < TAGS_MOST ? count - at : TAGS_MOST;
        done = log_blocks(f, list + at, part);
    }
    begin_page(&f->journal, LOG_COMMIT);
    done = done && blocks_flush(f->blocks) && move(f, true, f->journal.head, f->journal.page) &&
           blocks_flush(f->blocks);
    f->journal.head++;
    return done;
}

/* The next transaction goes to the log's beginning, where the last one may be. */
static bool begin_again(struct fs *f)
{
    f->journal.head = f->journal.first;
    return write_super(f, f->journal.head) && blocks_flush(f->blocks);
}

bool journal_commit(struct fs *f)
{
    struct journal *j = &f->journal;
    const size_t count = f->blocks->changed;
    struct block **list = count ? blocks_memory(count * sizeof *list) : NULL;

    if (!count)
        return blocks_flush(f->blocks);
    if (!list)
        return false;
    blocks_changed(f->blocks, list, count);
    bool done = (length_of((uint32_t)count) <= j->blocks - j->head || begin_again(f)) &&
                log_all(f, list, count);
    blocks_memory_free(list);
    if (!done || !blocks_write(f->blocks) || !blocks_flush(f->blocks))
        return false;
    j->sequence++;
    return write_super(f, j->head); /* durable before the next commit block is */
}

bool journal_finish(struct fs *f)
{
    return write_super(f, 0) && blocks_flush(f->blocks);
}
