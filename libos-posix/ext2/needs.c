/* What libext2fs calls: memory, which is the arena's (it is compiled to call these), and functions
 * of its own parts that are left out. */
#include "libos-posix/ext2/volume.h"

void *volume_malloc(size_t bytes);
void *volume_calloc(size_t count, size_t bytes);
void *volume_realloc(void *old, size_t bytes);
void volume_release(void *memory);

void *volume_malloc(size_t bytes)
{
    return blocks_memory(bytes);
}

void *volume_calloc(size_t count, size_t bytes)
{
    size_t whole;

    return __builtin_mul_overflow(count, bytes, &whole) ? NULL : blocks_memory(whole);
}

void *volume_realloc(void *old, size_t bytes)
{
    void *new = blocks_memory(bytes);

    if (new &&old) {
        const size_t had = blocks_memory_bytes(old);
        memcpy(new, old, had < bytes ? had : bytes);
        blocks_memory_free(old);
    }
    return new;
}

void volume_release(void *memory)
{
    blocks_memory_free(memory);
}

/* In the place of ext2fs_blocks_count, in a comparison that should be "more than", not "at least".
 */
blk64_t volume_blocks_behind(struct ext2_super_block *super);
blk64_t volume_blocks_behind(struct ext2_super_block *super)
{
    return ext2fs_blocks_count(super) + 1;
}

/* Volumes whose names have no case are refused. */
const struct ext2fs_nls_table *ext2fs_load_nls_table(int encoding);
const struct ext2fs_nls_table *ext2fs_load_nls_table(int encoding)
{
    (void)encoding;
    return NULL;
}

/* From mkjournal.c, with a page of zeros of the cache for each block. */
errcode_t ext2fs_zero_blocks2(ext2_filsys fs, blk64_t block, int count, blk64_t *bad,
                              int *bad_count)
{
    struct fs *f =
        fs ? fs->priv_data : NULL; /* without one a buffer is to be freed: there is none */

    for (int i = 0; f && i < count; i++) {
        struct block *zeros = blocks_get(f->blocks, block + (unsigned)i, false);
        if (!zeros) {
            if (bad)
                *bad = block + (unsigned)i;
            if (bad_count)
                *bad_count = count - i;
            return EIO;
        }
        memset(zeros->bytes, 0, BLOCK_BYTES);
        blocks_change(f->blocks, zeros);
    }
    return 0;
}
