/*
 * The disk of disk.h as a virtio block device: one queue, each request a chain of a header, the
 * owner's buffer and a byte of status. Headers and statuses are the kernel's own memory.
 */
#include "exo/io/disk.h"

#include "exo/base/assert.h"
#include "exo/io/virtio.h"
#include "exo/io/virtq.h"

#define REQUESTS 64u
#define PIECES   3u /* descriptors of a request at most */
_Static_assert(REQUESTS *PIECES <= VIRTQ_MAX, "each request has its descriptors");

_Static_assert(sizeof(struct virtio_block_request) * REQUESTS <= PAGE_SIZE,
               "requests are one frame");

/* What the driver itself remembers of a request. */
struct record {
    uint32_t cookie;
    uint32_t written; /* bytes that the disk writes when it does what it was asked */
    bool used;
};

static struct {
    bool present; /* it runs                                                   */
    bool read_only;
    bool cached;
    uint32_t blocks;
    uint32_t restarts;
    uint16_t size; /* descriptors */
    struct virtio_device device;
    struct virtio_memory queue_memory, request_memory;
    struct virtq queue;
    struct record records[REQUESTS];
} disk;

static uint64_t read_capacity(void)
{
    uint64_t sectors = 0;

    for (unsigned i = 0; i < sizeof sectors; i++)
        sectors |= (uint64_t)virtio_config8(&disk.device, i) << 8 * i;
    return sectors / (DISK_BLOCK_BYTES / VIRTIO_BLOCK_SECTOR_BYTES);
}

static uint16_t queue_size(uint16_t limit)
{
    uint16_t size = VIRTQ_MAX;

    while (size > limit)
        size /= 2;
    return size;
}

/* From reset to running with an empty queue. */
static bool start_device(void)
{
    uint64_t agreed;

    if (!virtio_agree(&disk.device, VIRTIO_BLOCK_F_READ_ONLY | VIRTIO_BLOCK_F_FLUSH, &agreed))
        return false;
    disk.read_only = agreed & VIRTIO_BLOCK_F_READ_ONLY;
    disk.cached = agreed & VIRTIO_BLOCK_F_FLUSH;
    uint64_t blocks = read_capacity();
    disk.blocks = blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX;
    disk.size = queue_size(virtio_queue_limit(&disk.device, VIRTIO_BLOCK_QUEUE));
    if (disk.size < PIECES || disk.blocks == 0)
        return false;
    virtq_init(&disk.queue, disk.queue_memory.at, disk.size);
    if (!virtio_queue_start(&disk.device, VIRTIO_BLOCK_QUEUE, disk.queue_memory.physical,
                            disk.size))
        return false;
    virtio_start(&disk.device);
    return true;
}

void disk_init(void)
{
    disk.present = disk.read_only = disk.cached = false;
    disk.blocks = disk.restarts = 0;
    for (unsigned i = 0; i < REQUESTS; i++)
        disk.records[i].used = false;
    if (!virtio_open(&disk.device, VIRTIO_BLOCK, hook_disk_interrupt) ||
        !virtio_reset(&disk.device))
        return;
    disk.queue_memory = virtio_memory(VIRTQ_FRAMES);
    disk.request_memory = virtio_memory(1);
    disk.present = start_device();
    if (!disk.present) {
        virtio_reset(&disk.device);
        disk.blocks = 0;
    }
}

bool disk_present(void)
{
    return disk.present;
}

uint32_t disk_blocks(void)
{
    return disk.blocks;
}

bool disk_read_only(void)
{
    return disk.read_only;
}

bool disk_is_cached(void)
{
    return disk.cached;
}

uint32_t disk_restarts(void)
{
    return disk.restarts;
}

static unsigned find_record(void)
{
    unsigned at = 0;

    while (at < REQUESTS && disk.records[at].used)
        at++;
    return at;
}

static volatile struct virtio_block_request *request_at(unsigned at)
{
    return (volatile struct virtio_block_request *)disk.request_memory.at + at;
}

/* The chain of request `at`: what the disk reads comes first. Returns how many pieces there are. */
static unsigned make_pieces(const struct disk_request *r, unsigned at, struct virtq_piece *pieces)
{
    paddr_t header = disk.request_memory.physical + at * sizeof(struct virtio_block_request);
    unsigned count = 0;

    pieces[count++] = (struct virtq_piece){header, VIRTIO_BLOCK_HEADER_BYTES};
    if (r->op != DISK_FLUSH)
        pieces[count++] = (struct virtq_piece){r->address, r->count * DISK_BLOCK_BYTES};
    pieces[count++] = (struct virtq_piece){header + VIRTIO_BLOCK_HEADER_BYTES, 1};
    return count;
}

bool disk_submit(const struct disk_request *r, uint32_t cookie)
{
    struct virtq_piece pieces[PIECES];
    unsigned at = find_record();

    if (!disk.present || at == REQUESTS)
        return false;
    ASSERT(r->op == DISK_READ || !disk.read_only);
    ASSERT(r->op != DISK_FLUSH || disk.cached);
    ASSERT(r->count <= DISK_COUNT_MAX && r->count <= disk.blocks &&
           r->block <= disk.blocks - r->count);

    unsigned count = make_pieces(r, at, pieces);
    unsigned readable = r->op == DISK_WRITE ? 2 : 1;
    volatile struct virtio_block_request *header = request_at(at);
    header->type = r->op == DISK_READ    ? VIRTIO_BLOCK_READ
                   : r->op == DISK_WRITE ? VIRTIO_BLOCK_WRITE
                                         : VIRTIO_BLOCK_FLUSH;
    header->unused = 0;
    header->sector = (uint64_t)r->block * (DISK_BLOCK_BYTES / VIRTIO_BLOCK_SECTOR_BYTES);
    header->status = VIRTIO_BLOCK_NO_STATUS;
    if (!virtq_offer(&disk.queue, pieces, readable, count - readable, at))
        return false;
    disk.records[at] =
        (struct record){cookie, r->op == DISK_READ ? r->count * DISK_BLOCK_BYTES + 1 : 1, true};
    return true;
}

void disk_push(void)
{
    if (disk.present && virtq_wants_notify(&disk.queue))
        virtio_notify(&disk.device, VIRTIO_BLOCK_QUEUE);
}

/* The disk says that it is done, and has written everything it ought to. */
static enum disk_result result_of(const struct virtq_done *done)
{
    bool good = request_at(done->cookie)->status == VIRTIO_BLOCK_OK &&
                done->length == disk.records[done->cookie].written;

    return good ? DISK_RESULT_OK : DISK_RESULT_ERROR;
}

static void report(uint32_t at, enum disk_result result)
{
    ASSERT(at < REQUESTS && disk.records[at].used);
    disk.records[at].used = false;
    hook_disk_done(disk.records[at].cookie, result);
}

/* Stops and starts; what was in flight ends with `result`. A disk that comes back with another size
 * or other abilities is another disk: it is given up. */
static void restart(enum disk_result result)
{
    uint32_t in_flight[VIRTQ_MAX];
    uint32_t blocks = disk.blocks;
    bool read_only = disk.read_only, cached = disk.cached;

    if (!disk.present)
        return;
    disk.restarts++;
    disk.present = false;
    bool obeyed = virtio_reset(&disk.device);
    unsigned count = virtq_cookies(&disk.queue, in_flight);
    disk.present = obeyed && start_device() && disk.blocks == blocks &&
                   disk.read_only == read_only && disk.cached == cached;
    if (obeyed && !disk.present)
        virtio_reset(&disk.device);
    disk.blocks = blocks;
    disk.read_only = read_only;
    for (unsigned i = 0; i < count; i++)
        report(in_flight[i], result);
}

void disk_poll(void)
{
    struct virtq_done done;

    for (unsigned count = 0; disk.present && count < disk.size; count++) {
        switch (virtq_take(&disk.queue, &done)) {
        case VIRTQ_EMPTY:
            return;
        case VIRTQ_TAKEN:
            report(done.cookie, result_of(&done));
            break;
        case VIRTQ_BROKEN:
            restart(DISK_RESULT_ERROR);
            return;
        }
    }
}

void disk_restart(void)
{
    restart(DISK_RESULT_STOPPED);
}
