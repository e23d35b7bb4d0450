/* Fake: registers, memory and messages of a virtio device in a program's own hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/host/fakes/own_device.h"

#include "libos/error.h"
#include "libos/log.h"
#include "libos/mmio.h"

#define COMMON_AT   0x0000u /* in its one address range, number 4 */
#define CONFIG_AT   0x2000u
#define NOTIFY_AT   0x3000u
#define NOTIFY_STEP 0x1000u
#define BAR         4u
#define BAR_BYTES   (NOTIFY_AT + OWN_QUEUES * NOTIFY_STEP)
#define NO_BELL     0xeeeeu

struct own_device own_device;

static _Alignas(4096) uint8_t bar[BAR_BYTES];

/* Memory for the device, by I/O addresses from FIRST_ADDRESS on. */
#define POOL_FRAMES   1024u
#define FIRST_ADDRESS 0x7700000000u
static _Alignas(4096) uint8_t pool[POOL_FRAMES * 4096];
static uint32_t pool_used;

static uint8_t *reach(uint64_t address, uint32_t length)
{
    uint64_t at = address - FIRST_ADDRESS;

    assert_true(address >= FIRST_ADDRESS && length <= sizeof pool && at <= sizeof pool - length);
    return pool + at;
}

static void put_cap(unsigned at, uint8_t next, uint8_t kind, uint32_t offset, uint32_t length)
{
    uint8_t *cap = own_device.space + at;

    cap[0] = 9; /* the maker's own */
    cap[1] = next;
    cap[2] = VIRTIO_CAP_MULTIPLIER + 4;
    cap[VIRTIO_CAP_KIND] = kind;
    cap[VIRTIO_CAP_BAR] = BAR;
    memcpy(cap + VIRTIO_CAP_OFFSET, &offset, 4);
    memcpy(cap + VIRTIO_CAP_LENGTH, &length, 4);
}

void own_device_reset(uint16_t number, uint16_t queues, uint64_t features)
{
    const uint16_t identity[2] = {VIRTIO_VENDOR, (uint16_t)(VIRTIO_DEVICE_MODERN + number)};
    const uint32_t multiplier = NOTIFY_STEP;

    own_device = (struct own_device){
        .features = features | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM,
        .queues = queues,
        .limit = VIRTQ_MAX,
        .vectors = 2,
        .memory_left = 100,
    };
    for (uint16_t i = 0; i < OWN_QUEUES; i++)
        own_device.bell_offset[i] = i;
    memset(pool, 0xee, sizeof pool);
    memset(bar, 0xee, sizeof bar);
    pool_used = 0;
    memcpy(own_device.space, identity, sizeof identity);
    own_device.space[6] = 0x10; /* there is a list of capabilities */
    own_device.space[0x34] = 0x40;
    own_device.space[0x40] = 0x11; /* MSI-X */
    own_device.space[0x41] = 0x50;
    put_cap(0x50, 0x70, VIRTIO_KIND_CONFIG, CONFIG_AT, sizeof own_device.config);
    put_cap(0x70, 0x90, VIRTIO_KIND_COMMON, COMMON_AT, VIRTIO_COMMON_BYTES);
    put_cap(0x90, 0, VIRTIO_KIND_NOTIFY, NOTIFY_AT, OWN_QUEUES * NOTIFY_STEP);
    memcpy(own_device.space + 0x90 + VIRTIO_CAP_MULTIPLIER, &multiplier, 4);
}

bool own_device_rang(unsigned queue)
{
    uint16_t *bell = (uint16_t *)(void *)(bar + NOTIFY_AT + queue * NOTIFY_STEP);
    bool rang = *bell == queue;

    *bell = NO_BELL;
    return rang;
}

/* libos/device.h */

enum err device_find(uint16_t vendor, uint16_t product, uint32_t from, uint32_t *function)
{
    if (from > 3 || memcmp(own_device.space, &vendor, 2) != 0 ||
        memcmp(own_device.space + 2, &product, 2) != 0)
        return ERR_NO_DEVICE;
    *function = own_device.others_take && from <= 2 ? 2 : 3;
    return ERR_OK;
}

bool device_is_confined(void)
{
    return !own_device.closed_bus;
}

/* What a driver says is not looked at. */
void log_error_line(const char *format, ...)
{
    (void)format;
}

const char *error_text(enum err e)
{
    return e == ERR_OK ? "" : "an error";
}

enum err device_open(struct device *d, slot_t pci, uint32_t function)
{
    assert_true(pci == 12 && (function == 3 || own_device.others_take));
    *d = (struct device){.function = function};
    if (function == 2)
        return ERR_IN_USE;
    if (own_device.closed_bus)
        return ERR_NO_DEVICE;
    d->slot = 77;
    own_device.opened++;
    return ERR_OK;
}

void device_close(struct device *d)
{
    if (d->slot)
        own_device.opened--;
    *d = (struct device){.slot = SLOT_NONE};
}

bool device_is_stopped(const struct device *d)
{
    (void)d;
    return own_device.stopped;
}

uint32_t device_config(const struct device *d, unsigned offset)
{
    uint32_t word;

    (void)d;
    assert_true(offset % 4 == 0 && offset < sizeof own_device.space);
    memcpy(&word, own_device.space + offset, 4);
    return word;
}

enum err device_show(struct device *d, unsigned range, uint64_t offset, uint64_t bytes,
                     volatile uint8_t **at)
{
    if (range != BAR || !bytes || offset > BAR_BYTES || bytes > BAR_BYTES - offset)
        return ERR_BAD_ARG;
    assert_true(d->window_count++ < DEVICE_WINDOWS);
    *at = bar + offset;
    return ERR_OK;
}

enum err device_memory_make(struct device *d, uint32_t frames, struct device_memory *memory)
{
    uint32_t first = pool_used;

    (void)d;
    *memory = (struct device_memory){.frames = SLOT_NONE};
    if (own_device.memory_left == 0)
        return ERR_NO_MEM;
    own_device.memory_left--;
    own_device.memories++;
    assert_true(pool_used + frames <= POOL_FRAMES);
    pool_used += frames;
    memset(pool + first * 4096u, 0, frames * 4096u);
    *memory = (struct device_memory){78, first, frames, (vaddr_t)(uintptr_t)(pool + first * 4096u),
                                     FIRST_ADDRESS + first * 4096u};
    return ERR_OK;
}

void device_memory_free(struct device_memory *memory)
{
    if (memory->frames)
        own_device.memories--;
    *memory = (struct device_memory){.frames = SLOT_NONE};
}

enum err device_listen(struct device *d, uint32_t vector, word_t bits)
{
    (void)d;
    assert_true(bits != 0);
    if (vector == DEVICE_FAULT_VECTOR)
        return ERR_OK;
    if (vector >= own_device.vectors)
        return ERR_BAD_ARG;
    own_device.heard[vector] = bits;
    return ERR_OK;
}

enum err device_wait(struct device *d, word_t bits, uint64_t deadline, word_t *got)
{
    (void)d;
    (void)deadline;
    assert_true(bits != 0);
    own_device.awaited = bits;
    own_device.waits++;
    if (got)
        *got = own_device.raised;
    return own_device.on_wait && own_device.on_wait() ? ERR_OK : ERR_TIMEOUT;
}

/* libos/mmio.h: the bytes of the common structure live in `bar`, too; what acts does so here. */

static uint16_t word_at(unsigned at)
{
    uint16_t value;

    memcpy(&value, bar + at, 2);
    return value;
}

static void put_word_at(unsigned at, uint64_t value, unsigned bytes)
{
    memcpy(bar + at, &value, bytes);
}

static uint64_t address_at(unsigned at)
{
    uint64_t value;

    memcpy(&value, bar + at, 8);
    return value;
}

static struct fake_queue *selected(void)
{
    uint16_t queue = word_at(VIRTIO_AT_QUEUE_SELECT);

    assert_true(queue < own_device.queues);
    return &own_device.queue[queue];
}

static void enable_queue(void)
{
    struct fake_queue *q = selected();
    uint64_t desc = address_at(VIRTIO_AT_QUEUE_DESC);

    assert_true(own_device.status & VIRTIO_STATUS_AGREED);
    assert_false(own_device.status & VIRTIO_STATUS_GOING);
    assert_int_equal(address_at(VIRTIO_AT_QUEUE_DRIVER), desc + VIRTQ_AT_AVAIL);
    assert_int_equal(address_at(VIRTIO_AT_QUEUE_DEVICE), desc + VIRTQ_AT_USED);
    *q = (struct fake_queue){.memory = reach(desc, VIRTQ_FRAMES * 4096u),
                             .size = word_at(VIRTIO_AT_QUEUE_SIZE),
                             .reach = reach};
    assert_true(q->size > 0 && q->size <= own_device.limit && (q->size & (q->size - 1)) == 0);
}

static void put_status(uint8_t status)
{
    if (status == 0) {
        own_device.resets++;
        own_device.memory_at_reset |= own_device.memories > 0;
        memset(own_device.queue, 0, sizeof own_device.queue);
    }
    if (status == 0 && own_device.deaf)
        return;
    own_device.status = status;
    if ((status & VIRTIO_STATUS_AGREED) && own_device.refuses)
        own_device.status &= (uint8_t)~VIRTIO_STATUS_AGREED;
}

/* What a register says before it is read. */
static void refresh(unsigned at)
{
    uint32_t half = word_at(VIRTIO_AT_DEVICE_SELECT);

    if (at == VIRTIO_AT_DEVICE_BITS)
        put_word_at(at, half < 2 ? own_device.features >> half * 32 : 0, 4);
    if (at == VIRTIO_AT_QUEUES)
        put_word_at(at, own_device.queues, 2);
    if (at == VIRTIO_AT_STATUS && own_device.on_look)
        own_device.on_look();
    if (at == VIRTIO_AT_STATUS)
        bar[at] = own_device.status;
    if (at == VIRTIO_AT_QUEUE_BELL)
        put_word_at(at, own_device.bell_offset[selected() - own_device.queue], 2);
    if (at >= CONFIG_AT && at < CONFIG_AT + sizeof own_device.config)
        bar[at] = own_device.config[at - CONFIG_AT];
}

/* What a register does when it was written. */
static void act(unsigned at)
{
    if (at == VIRTIO_AT_STATUS)
        put_status(bar[at]);
    if (at == VIRTIO_AT_DRIVER_BITS) {
        unsigned shift = word_at(VIRTIO_AT_DRIVER_SELECT) * 32u;
        own_device.accepted &= ~((uint64_t)UINT32_MAX << shift);
        own_device.accepted |= (address_at(at) & UINT32_MAX) << shift;
    }
    if (at == VIRTIO_AT_QUEUE_SELECT)
        put_word_at(VIRTIO_AT_QUEUE_SIZE, own_device.limit, 2);
    if (at == VIRTIO_AT_QUEUE_VECTOR) {
        if (word_at(at) >= own_device.vectors)
            put_word_at(at, VIRTIO_NO_VECTOR, 2);
        own_device.vector[selected() - own_device.queue] = word_at(at);
    }
    if (at == VIRTIO_AT_CONFIG_VECTOR) {
        if (word_at(at) >= own_device.vectors)
            put_word_at(at, VIRTIO_NO_VECTOR, 2);
        own_device.config_vector = word_at(at);
    }
    if (at == VIRTIO_AT_QUEUE_ENABLE)
        enable_queue();
}

static unsigned offset_of(const volatile uint8_t *at, unsigned bytes)
{
    assert_true(at >= bar && at + bytes <= bar + BAR_BYTES && (at - bar) % bytes == 0);
    return (unsigned)(at - bar);
}

static uint32_t get(const volatile uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;

    refresh(offset_of(at, bytes));
    memcpy(&value, bar + offset_of(at, bytes), bytes);
    return value;
}

static void put(volatile uint8_t *at, uint32_t value, unsigned bytes)
{
    put_word_at(offset_of(at, bytes), value, bytes);
    act(offset_of(at, bytes));
}

uint8_t mmio_get8(const volatile uint8_t *at)
{
    return (uint8_t)get(at, 1);
}

uint16_t mmio_get16(const volatile uint8_t *at)
{
    return (uint16_t)get(at, 2);
}

uint32_t mmio_get32(const volatile uint8_t *at)
{
    return get(at, 4);
}

void mmio_put8(volatile uint8_t *at, uint8_t value)
{
    put(at, value, 1);
}

void mmio_put16(volatile uint8_t *at, uint16_t value)
{
    put(at, value, 2);
}

void mmio_put32(volatile uint8_t *at, uint32_t value)
{
    put(at, value, 4);
}
