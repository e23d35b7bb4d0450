/* Bytes from hexadecimal text. */
#include "grafts/tool/hex.h"

#include <ctype.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

long hex_read(const char *text, uint8_t *bytes, size_t capacity)
{
    size_t count = 0;
    int high = -1;

    for (; *text; text++) {
        if (isspace((unsigned char)*text))
            continue;
        int d = digit(*text);
        if (d < 0 || (high < 0 && count == capacity))
            return -1;
        if (high < 0) {
            high = d;
            continue;
        }
        bytes[count++] = (uint8_t)(high << 4 | d);
        high = -1;
    }
    return high < 0 ? (long)count : -1;
}
