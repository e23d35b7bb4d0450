/* Building short texts without a C library. */
#include "libos-posix/base/text.h"

void text_add_bytes(struct text *t, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count && t->bytes < t->capacity; i++)
        t->at[t->bytes++] = bytes[i];
}

void text_add(struct text *t, const char *string)
{
    size_t count = 0;
    while (string[count])
        count++;
    text_add_bytes(t, string, count);
}

void text_add_number(struct text *t, uint64_t value, unsigned width, char fill)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (unsigned i = count; i < width; i++)
        text_add_bytes(t, &fill, 1);
    while (count)
        text_add_bytes(t, &digits[--count], 1);
}
