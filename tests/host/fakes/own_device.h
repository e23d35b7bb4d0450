/*
 * Fake: a virtio device in a program's own hands, as libos/device.h and libos/mmio.h show one. Its
 * registers answer as the specification says; memory is what device_memory_make() gave, at I/O
 * addresses that are no addresses of this process. A test spoils what it wants to.
 */
#pragma once

#include "libos/device.h"
#include "tests/host/fakes/virtq_device.h"

#define OWN_QUEUES 9u

struct own_device {
    bool closed_bus;    /* no IOMMU: it cannot be opened           */
    bool others_take;   /* another program opens function 2 first  */
    uint8_t space[256]; /* configuration space                     */
    uint64_t features;  /* that it offers                          */
    bool deaf;          /* a reset does not take                   */
    bool stopped;       /* an access to memory was stopped         */
    bool refuses;       /* does not accept what the driver agreed  */
    uint16_t queues, limit, vectors;
    uint16_t bell_offset[OWN_QUEUES]; /* times the multiplier            */
    uint8_t config[24];
    unsigned memory_left; /* calls of device_memory_make that succeed */

    word_t raised;         /* bits that a waiting brings                */
    void (*on_look)(void); /* what happens when its status is looked at */

    /* What the driver did. */
    uint8_t status;
    uint64_t accepted;
    unsigned resets, opened, waits;
    word_t heard[OWN_QUEUES], awaited; /* bits that a message raises; bits that were waited for */
    struct fake_queue queue[OWN_QUEUES];
    uint16_t vector[OWN_QUEUES], config_vector;
    bool memory_at_reset;  /* it could reach memory when it was reset */
    unsigned memories;     /* device_memory that is not freed         */
    bool (*on_wait)(void); /* what happens while the driver waits; false: nothing ever */
};
extern struct own_device own_device;

/* A fresh device of that type with `queues` queues. */
void own_device_reset(uint16_t number, uint16_t queues, uint64_t features);

/* Has the bell of a queue rung since this was asked last, with the queue's number? */
bool own_device_rang(unsigned queue);
