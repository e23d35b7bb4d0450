/* A disk of one's own: requests on one queue. */
#include "libos/drive.h"

#define BIT_DONE  ((word_t)1) /* of the notification */
#define BIT_FAULT ((word_t)2)
#define VECTOR    0u
#define PIECES    3u /* descriptors of a request: header, data, status */

#define SECTORS_PER_BLOCK (DISK_BLOCK_BYTES / VIRTIO_BLOCK_SECTOR_BYTES)

_Static_assert(DISK_BLOCK_BYTES == PAGE_SIZE, "a page holds a block");
_Static_assert(DRIVE_REQUESTS *PIECES <= VIRTQ_MAX, "each request has its descriptors");
_Static_assert(DRIVE_REQUESTS * sizeof(struct virtio_block_request) <= PAGE_SIZE, "one frame");

static enum err agree_on_features(struct drive *d)
{
    uint64_t agreed = 0;
    enum err e =
        virtio_pci_agree(&d->pci, VIRTIO_BLOCK_F_READ_ONLY | VIRTIO_BLOCK_F_FLUSH, 0, &agreed);
    uint64_t blocks = virtio_pci_config(&d->pci, 0, 8) / SECTORS_PER_BLOCK;

    d->read_only = agreed & VIRTIO_BLOCK_F_READ_ONLY;
    d->cached = agreed & VIRTIO_BLOCK_F_FLUSH;
    d->blocks = blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX;
    return e == ERR_OK && !d->blocks ? ERR_NO_DEVICE : e;
}

static volatile struct virtio_block_request *request_of(const struct drive *d, uint32_t at)
{
    return (volatile struct virtio_block_request *)d->request_memory.va + at;
}

/* Headers and statuses never move. */
static void fill_queue(struct drive *d)
{
    for (uint16_t i = 0; i < d->requests; i++) {
        uint64_t header = d->request_memory.address + i * sizeof(struct virtio_block_request);
        volatile struct virtq_desc *desc = &d->queue.desc[i * PIECES];

        desc[0].address = header;
        desc[0].length = VIRTIO_BLOCK_HEADER_BYTES;
        desc[0].flags = VIRTQ_DESC_NEXT;
        desc[1].next = (uint16_t)(i * PIECES + 2);
        desc[2].address = header + VIRTIO_BLOCK_HEADER_BYTES;
        desc[2].length = 1;
        desc[2].flags = VIRTQ_DESC_WRITE;
        d->records[i].state = DISK_DONE;
    }
}

/* The disk is reset before it can reach memory: it may have been another program's. */
static enum err start(struct drive *d)
{
    enum err e = virtio_pci_open(&d->pci, &d->device, VIRTIO_BLOCK);

    if (e == ERR_OK)
        e = device_listen(&d->device, VECTOR, BIT_DONE);
    if (e == ERR_OK)
        e = device_listen(&d->device, DEVICE_FAULT_VECTOR, BIT_FAULT);
    if (e == ERR_OK)
        e = device_memory_make(&d->device, VIRTQ_FRAMES, &d->queue_memory);
    if (e == ERR_OK)
        e = device_memory_make(&d->device, 1, &d->request_memory);
    if (e == ERR_OK)
        e = device_memory_make(&d->device, d->pages, &d->page_memory);
    if (e == ERR_OK)
        e = agree_on_features(d);
    if (e == ERR_OK)
        e = virtio_pci_queue(&d->pci, &d->queue, VIRTIO_BLOCK_QUEUE, VIRTQ_MAX, &d->queue_memory,
                             VECTOR);
    if (e)
        return e;
    for (d->requests = DRIVE_REQUESTS; d->requests * PIECES > d->queue.size;)
        d->requests /= 2;
    if (!d->requests)
        return ERR_NO_DEVICE;
    fill_queue(d);
    virtio_pci_start(&d->pci);
    return ERR_OK;
}

enum err drive_open(struct drive *d, slot_t pci, uint32_t function, uint32_t pages)
{
    *d = (struct drive){.pages = pages};
    enum err e = device_open(&d->device, pci, function);

    if (e == ERR_OK)
        e = start(d);
    if (e)
        drive_close(d);
    return e;
}

void drive_close(struct drive *d)
{
    device_close(&d->device);
    device_memory_free(&d->page_memory);
    device_memory_free(&d->request_memory);
    device_memory_free(&d->queue_memory);
    *d = (struct drive){.pages = 0};
}

void *drive_page(const struct drive *d, uint32_t page)
{
    return (void *)(d->page_memory.va + page * PAGE_SIZE);
}

/* Takes back what the disk has finished. */
static void poll(struct drive *d)
{
    uint16_t head;
    uint32_t length;

    while (virtqueue_take(&d->queue, &head, &length)) {
        uint32_t at = head / PIECES;
        bool good = at < d->requests && request_of(d, at)->status == VIRTIO_BLOCK_OK &&
                    length == d->records[at].written;
        if (at < d->requests)
            d->records[at].state = good ? DISK_DONE : DISK_FAILED;
    }
}

static enum err check_post(const struct drive *d, enum disk_op op, uint32_t block, uint32_t count,
                           uint32_t page)
{
    if (op == DISK_FLUSH)
        return block | count | page ? ERR_BAD_ARG : ERR_OK;
    if ((op != DISK_READ && op != DISK_WRITE) || !count || count > DISK_COUNT_MAX ||
        count > d->blocks || block > d->blocks - count || count > d->pages ||
        page > d->pages - count)
        return ERR_BAD_ARG;
    return op == DISK_WRITE && d->read_only ? ERR_NO_RIGHT : ERR_OK;
}

enum err drive_post(struct drive *d, enum disk_op op, uint32_t block, uint32_t count, uint32_t page,
                    uint32_t *ticket)
{
    uint32_t at = d->posted % d->requests;
    uint16_t head = (uint16_t)(at * PIECES);
    volatile struct virtq_desc *desc = &d->queue.desc[head];
    volatile struct virtio_block_request *r = request_of(d, at);
    enum err e = check_post(d, op, block, count, page);

    if (e)
        return e;
    if (!drive_state(d, d->posted))
        return ERR_IN_USE;
    *ticket = d->posted++;
    d->records[at].state = DISK_DONE;
    if (op == DISK_FLUSH && !d->cached)
        return ERR_OK; /* what is done is durable already */
    r->type = op == DISK_READ    ? VIRTIO_BLOCK_READ
              : op == DISK_WRITE ? VIRTIO_BLOCK_WRITE
                                 : VIRTIO_BLOCK_FLUSH;
    r->sector = (uint64_t)block * SECTORS_PER_BLOCK;
    r->status = VIRTIO_BLOCK_NO_STATUS;
    desc[0].next = (uint16_t)(head + (op == DISK_FLUSH ? 2 : 1));
    desc[1].address = d->page_memory.address + page * PAGE_SIZE;
    desc[1].length = count * DISK_BLOCK_BYTES;
    desc[1].flags = (uint16_t)(VIRTQ_DESC_NEXT | (op == DISK_READ ? VIRTQ_DESC_WRITE : 0));
    d->records[at].written = 1 + (op == DISK_READ ? count * DISK_BLOCK_BYTES : 0);
    d->records[at].state = 0;
    virtqueue_offer(&d->queue, head);
    return ERR_OK;
}

void drive_push(struct drive *d)
{
    virtqueue_push(&d->queue);
}

uint32_t drive_state(struct drive *d, uint32_t ticket)
{
    poll(d);
    return d->records[ticket % d->requests].state;
}

/* Pushes, and waits until a request has its state, whichever that is. */
static enum err settle(struct drive *d, uint32_t ticket)
{
    enum err e = ERR_OK;

    drive_push(d);
    while (e == ERR_OK && !drive_state(d, ticket) && !virtio_pci_is_broken(&d->pci))
        if (!virtqueue_interrupt(&d->queue, true))
            e = device_wait(&d->device, BIT_DONE | BIT_FAULT, DEVICE_FOREVER, NULL);
    virtqueue_interrupt(&d->queue, false);
    return e == ERR_OK && virtio_pci_is_broken(&d->pci) ? ERR_BAD_STATE : e;
}

enum err drive_wait(struct drive *d, uint32_t ticket)
{
    enum err e = settle(d, ticket);

    return e == ERR_OK && drive_state(d, ticket) != DISK_DONE ? ERR_BAD_STATE : e;
}

static enum err run(struct drive *d, enum disk_op op, uint32_t block, uint32_t count, uint32_t page)
{
    uint32_t ticket;
    enum err e = drive_post(d, op, block, count, page, &ticket);

    return e ? e : drive_wait(d, ticket);
}

enum err drive_read(struct drive *d, uint32_t block, uint32_t count, uint32_t page)
{
    return run(d, DISK_READ, block, count, page);
}

enum err drive_write(struct drive *d, uint32_t block, uint32_t count, uint32_t page)
{
    return run(d, DISK_WRITE, block, count, page);
}

enum err drive_flush(struct drive *d)
{
    for (uint32_t i = 0; i < d->requests; i++) {
        enum err e = settle(d, i);
        if (e)
            return e;
    }
    return run(d, DISK_FLUSH, 0, 0, 0);
}
