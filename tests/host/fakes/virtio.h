/* Fake: the transport of exo/io/virtio.h, over a device that a test describes and that may lie. */
#pragma once

#include "exo/io/virtio.h"
#include "tests/host/fakes/virtq_device.h"

struct fake_virtio {
    uint16_t number;   /* what a driver asks for                      */
    uint64_t expected; /* features that a driver may want             */
    bool missing;      /* no such device                              */
    bool disobeys;     /* reset does not stop it                      */
    uint64_t features; /* that it offers, beside VERSION_1            */
    uint8_t config[16];
    uint16_t limit;  /* of its queues                               */
    unsigned queues; /* how many                                    */
    bool running;
    unsigned resets, bells[VIRTIO_QUEUES_MAX];
    struct fake_queue queue[VIRTIO_QUEUES_MAX];
    void (*handler)(void);
};
extern struct fake_virtio fake_virtio;

/* A fresh device that obeys, with `queues` queues of up to VIRTQ_MAX, and no memory given away. */
void fake_virtio_reset(uint16_t number, unsigned queues, uint64_t expected);

/* The memory given away is there again: the driver comes up once more. */
void fake_virtio_reboot(void);
