/* Bytes from hexadecimal text. */
#pragma once

#include "exo/abi/types.h"

/* Reads pairs of hexadecimal digits, ignoring white space, into at most `capacity` bytes. Returns
 * how many, or -1 when the text is malformed or too long. */
long hex_read(const char *text, uint8_t *bytes, size_t capacity);
