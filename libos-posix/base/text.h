/* Building short texts without a C library. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct text {
    char *at;
    size_t bytes;    /* written so far */
    size_t capacity; /* what does not fit is dropped */
};

void text_add(struct text *t, const char *string);
void text_add_bytes(struct text *t, const char *bytes, size_t count);

/* Decimal, right-aligned in `width` columns with `fill`. */
void text_add_number(struct text *t, uint64_t value, unsigned width, char fill);
