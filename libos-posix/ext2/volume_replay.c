/*
 * Replaying a journal that was left in use, by this library or by Linux: what its finished
 * transactions say goes in place, in their order, but for blocks that a later one revokes.
 *
 * All of the log comes from the disk and is not believed: places, counts and numbers are tested,
 * and sums where the log has them. What is in place already is written once more without harm.
 */
#include "libos-posix/ext2/volume_log.h"

#define KNOWN_FEATURES (LOG_REVOKES | LOG_64BIT | LOG_SUMS_V2 | LOG_SUMS_V3)
#define WAITING_MOST   1024u /* changed blocks in the cache */
#define LOG_UUID_WORD  12u   /* of the superblock */
#define COMMIT_SUM     4u    /* word of a commit block */
#define REVOKE_BYTES   3u    /* word of a block of revokes: bytes in use */

struct revoke {
    uint64_t block; /* its number + 1; 0: the place is free */
    uint32_t sequence;
};

struct replay {
    struct fs *f;
    uint32_t blocks, features, seed;
    uint32_t at, sequence;  /* where the pass stands                             */
    uint32_t transactions;  /* that are whole                                    */
    struct revoke *revokes; /* [revoke_places], by hash                          */
    uint64_t revoke_places, revoke_count;
    uint8_t *page, *data;
    const char *why;
};

enum pass { PASS_COUNT, PASS_REVOKE, PASS_WRITE };

static bool has(const struct replay *r, uint32_t feature)
{
    return r->features & feature;
}

static bool has_sums(const struct replay *r)
{
    return has(r, LOG_SUMS_V2 | LOG_SUMS_V3);
}

static long damaged(struct replay *r)
{
    r->why = "its journal is damaged: e2fsck first";
    return -EUCLEAN;
}

/* A block that is not what it should be: where the log is first looked through, it ends there. */
static long wrong(struct replay *r, enum pass pass)
{
    return pass == PASS_COUNT ? 1 : damaged(r);
}

/* Reads the block at `at` and goes on, round the end. */
static long take(struct replay *r, uint8_t *page)
{
    struct journal *j = &r->f->journal;

    if (r->at >= j->blocks) {
        r->why = "its journal is too large to be replayed here: e2fsck first";
        return -EUCLEAN;
    }
    const bool done =
        blocks_move(r->f->blocks, false, &(struct blocks_move){j->map[r->at], page}, 1);
    if (++r->at >= r->blocks)
        r->at = j->first;
    return done ? 0 : -EIO;
}

/* Is a sum in the block right, that is taken with zero in its own place? */
static bool sum_is(const struct replay *r, uint8_t *page, unsigned word)
{
    const uint32_t said = log_word_get(page, word);

    log_word_set(page, word, 0);
    const uint32_t sum = ext2fs_crc32c_le(r->seed, page, BLOCK_BYTES);
    log_word_set(page, word, said);
    return sum == said;
}

struct tag {
    uint64_t block;
    uint32_t flags, sum;
};

static size_t tag_bytes(const struct replay *r)
{
    if (has(r, LOG_SUMS_V3))
        return 16;
    return 8u + (has(r, LOG_64BIT) ? 4u : 0) + (has(r, LOG_SUMS_V2) ? 2u : 0);
}

/* The tag at *at, which then stands behind it. False: it does not fit. */
static bool tag_take(const struct replay *r, size_t *at, struct tag *out)
{
    const size_t end = BLOCK_BYTES - (has_sums(r) ? 4 : 0), bytes = tag_bytes(r);
    const uint8_t *tag = r->page + *at;

    if (bytes > end - *at)
        return false;
    const uint32_t second = log_word_get(tag, 1);
    *out = (struct tag){.block = log_word_get(tag, 0)};
    out->flags = has(r, LOG_SUMS_V3) ? second : second & 0xffff;
    out->sum = has(r, LOG_SUMS_V3) ? log_word_get(tag, 3) : second >> 16;
    if (has(r, LOG_64BIT))
        out->block |= (uint64_t)log_word_get(tag, 2) << 32;
    *at += bytes + (out->flags & TAG_SAME ? 0 : UUID_BYTES);
    return *at <= end;
}

/* Where a block is, or would be. */
static struct revoke *revoke_place(const struct replay *r, uint64_t block)
{
    uint64_t i = block * 0x9e3779b97f4a7c15u & (r->revoke_places - 1);

    while (r->revokes[i].block && r->revokes[i].block != block + 1)
        i = (i + 1) & (r->revoke_places - 1);
    return &r->revokes[i];
}

/* Does this transaction or a later one say that the block is something else now? */
static bool is_revoked(const struct replay *r, uint64_t block)
{
    const struct revoke *found = r->revokes ? revoke_place(r, block) : NULL;

    return found && found->block && (int32_t)(found->sequence - r->sequence) >= 0;
}

static bool data_is_right(const struct replay *r, const struct tag *tag)
{
    uint8_t sequence[4];

    if (!has_sums(r))
        return true;
    log_word_set(sequence, 0, r->sequence);
    const uint32_t sum = ext2fs_crc32c_le(ext2fs_crc32c_le(r->seed, sequence, sizeof sequence),
                                          r->data, BLOCK_BYTES);
    return tag->sum == (has(r, LOG_SUMS_V3) ? sum : sum & 0xffff);
}

static long write_block(struct replay *r, const struct tag *tag)
{
    struct blocks *b = r->f->blocks;

    if (tag->block >= ext2fs_blocks_count(r->f->ext2->super) || !data_is_right(r, tag))
        return damaged(r);
    if (tag->flags & TAG_ESCAPED)
        log_word_set(r->data, 0, LOG_MAGIC);
    struct block *block = blocks_get(b, tag->block, false);
    if (!block)
        return -ENOMEM;
    memcpy(block->bytes, r->data, BLOCK_BYTES);
    blocks_change(b, block);
    return b->changed < WAITING_MOST || blocks_write(b) ? 0 : -EIO;
}

/* A descriptor in `page`, and the blocks behind it. */
static long descriptor(struct replay *r, enum pass pass)
{
    size_t at = HEAD_BYTES;
    uint32_t count = 0;
    struct tag tag;

    if (has_sums(r) && !sum_is(r, r->page, BLOCK_BYTES / 4 - 1))
        return wrong(r, pass);
    do {
        if (!tag_take(r, &at, &tag) || ++count > r->blocks)
            return wrong(r, pass);
        const bool wanted = pass == PASS_WRITE && !is_revoked(r, tag.block);
        long e = wanted ? take(r, r->data) : 0;
        if (!wanted && ++r->at >= r->blocks)
            r->at = r->f->journal.first;
        if (!e && wanted && !(tag.flags & TAG_DELETED))
            e = write_block(r, &tag);
        if (e)
            return e;
    } while (!(tag.flags & TAG_LAST));
    return 0;
}

/* Block numbers in `page` that this transaction revokes: they are counted, then noted. */
static long revokes(struct replay *r, enum pass pass)
{
    const size_t bytes = has(r, LOG_64BIT) ? 8 : 4, end = log_word_get(r->page, REVOKE_BYTES);

    if (has_sums(r) && !sum_is(r, r->page, BLOCK_BYTES / 4 - 1))
        return wrong(r, pass);
    if (end > BLOCK_BYTES - (has_sums(r) ? 4 : 0))
        return wrong(r, pass);
    for (size_t at = 16; at + bytes <= end; at += bytes) {
        uint64_t block = log_word_get(r->page + at, 0);
        if (bytes == 8)
            block = block << 32 | log_word_get(r->page + at, 1);
        r->revoke_count += pass == PASS_COUNT;
        if (pass == PASS_REVOKE && block < ext2fs_blocks_count(r->f->ext2->super))
            *revoke_place(r, block) = (struct revoke){block + 1, r->sequence};
    }
    return 0;
}

/* One block of the log and what belongs to it. 1: the log ends before it. */
static long one(struct replay *r, enum pass pass)
{
    long e = take(r, r->page);

    if (e)
        return e;
    if (log_word_get(r->page, 0) != LOG_MAGIC || log_word_get(r->page, 2) != r->sequence)
        return 1;
    switch (log_word_get(r->page, 1)) {
    case LOG_DESCRIBE:
        return descriptor(r, pass);
    case LOG_REVOKE:
        return revokes(r, pass);
    case LOG_COMMIT:
        if (has_sums(r) && !sum_is(r, r->page, COMMIT_SUM))
            return wrong(r, pass);
        r->sequence++;
        return 0;
    default:
        return 1;
    }
}

/* Goes through the log: in the first pass to the end of the last whole transaction, which is found
 * so, and then through those alone. */
static long go_through(struct replay *r, enum pass pass)
{
    const uint8_t *super = r->f->journal.super;
    const uint32_t first = log_word_get(super, SUPER_SEQUENCE);
    uint32_t steps = 0;
    long e = 0;

    r->at = log_word_get(super, SUPER_START);
    r->sequence = first;
    if (r->at < r->f->journal.first || r->at >= r->blocks)
        return damaged(r);
    while (!e && steps++ <= r->blocks &&
           (pass == PASS_COUNT || r->sequence - first != r->transactions))
        e = one(r, pass);
    if (pass == PASS_COUNT)
        r->transactions = r->sequence - first;
    return e < 0                                                          ? e
           : pass == PASS_COUNT || r->sequence - first == r->transactions ? 0
                                                                          : damaged(r);
}

/* Room for twice as many revokes as there are. */
static long make_room(struct replay *r)
{
    for (r->revoke_places = 1; r->revoke_places < 2 * r->revoke_count;)
        r->revoke_places *= 2;
    r->revokes = r->revoke_count ? blocks_memory(r->revoke_places * sizeof *r->revokes) : NULL;
    return r->revoke_count && !r->revokes ? -ENOMEM : 0;
}

static long run(struct replay *r)
{
    r->page = blocks_page();
    r->data = blocks_page();
    if (!r->page || !r->data)
        return -ENOMEM;
    long e = go_through(r, PASS_COUNT);
    if (!e)
        e = make_room(r);
    if (!e && r->revokes)
        e = go_through(r, PASS_REVOKE);
    if (!e)
        e = go_through(r, PASS_WRITE);
    if (!e && !(blocks_write(r->f->blocks) && blocks_flush(r->f->blocks)))
        e = -EIO;
    return e;
}

static long perform(struct fs *f, const char **why)
{
    uint8_t *super = f->journal.super;
    struct replay r = {.f = f,
                       .blocks = log_word_get(super, SUPER_BLOCKS),
                       .features = log_word_get(super, SUPER_INCOMPAT)};

    if (r.features & ~KNOWN_FEATURES) {
        *why = "its journal has features that are not known here: e2fsck first";
        return -EUCLEAN;
    }
    r.seed = ext2fs_crc32c_le(~0u, super + 4 * LOG_UUID_WORD, UUID_BYTES);
    long e = run(&r);
    *why = r.why;
    blocks_memory_free(r.revokes);
    if (r.page)
        blocks_page_free(r.page);
    if (r.data)
        blocks_page_free(r.data);
    /* The number after the next: nothing that is left of an unfinished one may count. */
    if (!e)
        f->journal.sequence += r.transactions + 1;
    return e;
}

long journal_replay(struct fs *f, const char **why)
{
    if (!f->journal.blocks || !log_word_get(f->journal.super, SUPER_START))
        return 0;
    long e = perform(f, why);
    if (!e)
        e = journal_finish(f) ? 1 : -EIO;
    return e;
}
