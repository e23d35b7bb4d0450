/* Fake: a disk that remembers what it was given and finishes it when told to. */
#pragma once

#include "exo/io/disk.h"

#define FAKE_DISK_BLOCKS 256u

struct fake_disk {
    struct disk_request requests[1024];
    uint32_t cookies[1024];
    unsigned given, finished; /* those between are in flight                      */
    unsigned room;            /* requests that it takes at a time                 */
    unsigned pushes, restarts;
    bool absent, uncached;
    bool eager;  /* disk_poll finishes everything                    */
    bool broken; /* a restart does not bring it back                 */
};
extern struct fake_disk fake_disk;

/* As it is when the kernel comes up. */
void fake_disk_reset(void);

/* It finishes the oldest request in flight. */
void fake_disk_finishes(enum disk_result result);
