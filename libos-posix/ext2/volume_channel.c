/* How libext2fs reads and writes: copies from and to the cache of blocks. */
#include "libos-posix/ext2/volume.h"

static errcode_t channel_open(const char *name, int flags, io_channel *out)
{
    const size_t bytes = sizeof(struct struct_io_channel);
    io_channel channel = blocks_memory(bytes);

    if (!channel)
        return ENOMEM;
    (void)flags;
    memset(channel, 0, bytes);
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &volume_channel;
    channel->block_size = (int)BLOCK_BYTES;
    channel->refcount = 1;
    /* libext2fs knows channels by name: this one's is where the blocks are. */
    channel->private_data = (void *)strtoul(name, NULL, 16);
    *out = channel;
    return 0;
}

static errcode_t channel_close(io_channel channel)
{
    if (--channel->refcount == 0)
        blocks_memory_free(channel);
    return 0;
}

static errcode_t channel_set_size(io_channel channel, int bytes)
{
    channel->block_size = bytes;
    return 0;
}

/* Moves `bytes` from byte `at` of the extent on. */
static errcode_t move(struct blocks *b, uint64_t at, uint64_t bytes, uint8_t *to,
                      const uint8_t *from)
{
    while (bytes) {
        const uint64_t within = at % BLOCK_BYTES;
        const size_t part = (size_t)(bytes < BLOCK_BYTES - within ? bytes : BLOCK_BYTES - within);
        struct block *block = blocks_get(b, at / BLOCK_BYTES, to || part < BLOCK_BYTES);
        if (!block)
            return EIO;
        if (to) {
            memcpy(to, block->bytes + within, part);
            to += part;
        } else {
            memcpy(block->bytes + within, from, part);
            blocks_change(b, block);
            from += part;
        }
        at += part;
        bytes -= part;
    }
    return 0;
}

static uint64_t size_of(const struct struct_io_channel *channel)
{
    return (unsigned)channel->block_size;
}

/* A negative count is one of bytes. */
static uint64_t bytes_of(const struct struct_io_channel *channel, int count)
{
    return count < 0 ? (uint64_t)(-(int64_t)count) : (unsigned)count * size_of(channel);
}

static errcode_t channel_read(io_channel channel, unsigned long long block, int count, void *to)
{
    return move(channel->private_data, block * size_of(channel), bytes_of(channel, count), to,
                NULL);
}

static errcode_t channel_write(io_channel channel, unsigned long long block, int count,
                               const void *from)
{
    return move(channel->private_data, block * size_of(channel), bytes_of(channel, count), NULL,
                from);
}

static errcode_t channel_read_short(io_channel channel, unsigned long block, int count, void *to)
{
    return channel_read(channel, block, count, to);
}

static errcode_t channel_write_short(io_channel channel, unsigned long block, int count,
                                     const void *from)
{
    return channel_write(channel, block, count, from);
}

static errcode_t channel_write_bytes(io_channel channel, unsigned long offset, int count,
                                     const void *from)
{
    return move(channel->private_data, offset, (uint64_t)count, NULL, from);
}

/* A commit makes things durable, not libext2fs. */
static errcode_t channel_flush(io_channel channel)
{
    (void)channel;
    return 0;
}

struct struct_io_manager volume_channel = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "exo4",
    .open = channel_open,
    .close = channel_close,
    .set_blksize = channel_set_size,
    .read_blk = channel_read_short,
    .write_blk = channel_write_short,
    .flush = channel_flush,
    .write_byte = channel_write_bytes,
    .read_blk64 = channel_read,
    .write_blk64 = channel_write,
};
