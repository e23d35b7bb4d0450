/* Extended attributes of files: names with values, in a list at the node. */
#pragma once

#include "libos-posix/base/arena.h"

struct node;

struct xattr {
    struct xattr *next;
    size_t name_bytes, value_bytes;
    uint8_t text[]; /* the name, without a zero, then the value */
};

/* The node goes, and all that it has. */
void xattr_free(struct arena *a, struct node *n);
