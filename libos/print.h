/*
 * Formatting into memory: %s %c %d %i %u %x %p and %%, with `l` or `z` before a number, a width,
 * `0` and `-`, and a precision for %s. Any other directive is copied as it stands.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Both write at most `size` bytes including the final NUL (none when `size` is 0), and return the
 * length that the whole text has. */
size_t print_format(char *to, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t print_format_list(char *to, size_t size, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));
