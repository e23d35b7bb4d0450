/* Fake: a disk in memory, with a log of what was written to it, and failures on request. */
#pragma once

#include "exo/abi/types.h"

/* A write of a block, or (page NULL) a flush. */
struct fake_disk_event {
    uint64_t block;
    uint8_t *page;
};

struct fake_disk {
    uint8_t *bytes; /* NULL: there is none */
    uint64_t blocks;
    bool read_only;
    bool logs; /* events are kept from now on */
    struct fake_disk_event *events;
    size_t event_count, event_room;
    uint64_t fails_after; /* moves from now on; 0: never */
    uint64_t reads, writes, flushes;
};

extern struct fake_disk fake_disk;

/* Reads an image from a file, or writes it to one. */
void fake_disk_load(const char *path);
void fake_disk_store(const char *path);

/* The image as it was when logging began (`base`), and then `count` events later. */
void fake_disk_replay(uint8_t *base, size_t count);

/* A folder for an image, made and removed; a command of this machine: its status. */
void fake_disk_begin(void);
void fake_disk_end(void);
const char *fake_disk_image(void);
int fake_disk_command(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* No disk, no log. */
void fake_disk_reset(void);
