/* Reading cpio archives of the "newc" form, one entry after another, without copying. */
#pragma once

#include "exo/abi/types.h"

struct cpio_entry {
    const char *name; /* not ended by a zero; "./" and "/" before it are left out */
    size_t name_bytes;
    const uint8_t *data;
    size_t data_bytes;
    uint32_t ino, mode, uid, gid, links, mtime; /* mtime: seconds since 1970 */
    uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
    bool is_trailer; /* the end of one archive; another may follow */
};

struct cpio_reader {
    const uint8_t *at; /* the next header, or padding before it */
    size_t left;       /* bytes from there to the end           */
};

/* 1: *out describes the next entry; 0: the end; -EINVAL: no archive, or a damaged one. After an
 * error the reader stays where it is. */
long cpio_next(struct cpio_reader *r, struct cpio_entry *out);

/* Is the name ".exo4" or below it? Such files are for exo4 itself and no part of the root. */
bool cpio_is_hidden(const struct cpio_entry *e);

/* Finds the contents of a regular file by its exact name, hidden ones too. False: not there. */
bool cpio_find(const void *archive, size_t bytes, const char *name, struct cpio_entry *out);
