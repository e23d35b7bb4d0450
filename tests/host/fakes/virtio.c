/* Fake: the transport under the kernel's virtio drivers. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/host/fakes/virtio.h"

struct fake_virtio fake_virtio;

/* "Physical" addresses of the fake are addresses of this process. */
#define POOL_FRAMES 128u
static _Alignas(4096) uint8_t pool[POOL_FRAMES * 4096];
static uint32_t pool_used;

void fake_virtio_reset(uint16_t number, unsigned queues, uint64_t expected)
{
    fake_virtio = (struct fake_virtio){
        .number = number, .queues = queues, .expected = expected, .limit = VIRTQ_MAX};
    memset(pool, 0xee, sizeof pool);
    fake_virtio_reboot();
}

void fake_virtio_reboot(void)
{
    fake_virtio.running = false;
    pool_used = 0;
}

bool virtio_open(struct virtio_device *d, uint16_t number, void (*handler)(void))
{
    (void)d;
    assert_int_equal(number, fake_virtio.number);
    fake_virtio.handler = handler;
    return !fake_virtio.missing;
}

struct virtio_memory virtio_memory(uint32_t frames)
{
    uint8_t *at = pool + pool_used * 4096u;

    assert_true(pool_used + frames <= POOL_FRAMES);
    pool_used += frames;
    memset(at, 0, frames * 4096u);
    return (struct virtio_memory){at, (paddr_t)(uintptr_t)at};
}

bool virtio_reset(struct virtio_device *d)
{
    (void)d;
    fake_virtio.resets++;
    fake_virtio.running = false;
    return !fake_virtio.disobeys;
}

bool virtio_agree(struct virtio_device *d, uint64_t wanted, uint64_t *agreed)
{
    (void)d;
    assert_int_equal(wanted & ~fake_virtio.expected, 0);
    *agreed = VIRTIO_F_VERSION_1 | (wanted & fake_virtio.features);
    return true;
}

uint16_t virtio_queue_limit(struct virtio_device *d, unsigned index)
{
    (void)d;
    return index < fake_virtio.queues ? fake_virtio.limit : 0;
}

bool virtio_queue_start(struct virtio_device *d, unsigned index, paddr_t queue, uint16_t size)
{
    (void)d;
    assert_true(index < fake_virtio.queues && size <= fake_virtio.limit);
    fake_virtio.queue[index] =
        (struct fake_queue){.memory = (uint8_t *)(uintptr_t)queue, .size = size};
    return true;
}

void virtio_start(struct virtio_device *d)
{
    (void)d;
    fake_virtio.running = true;
}

void virtio_notify(struct virtio_device *d, unsigned index)
{
    (void)d;
    assert_true(index < fake_virtio.queues);
    fake_virtio.bells[index]++;
}

uint8_t virtio_config8(const struct virtio_device *d, unsigned offset)
{
    (void)d;
    return offset < sizeof fake_virtio.config ? fake_virtio.config[offset] : 0xff;
}
