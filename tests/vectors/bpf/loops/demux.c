/* The bench's demultiplexer: which of 16 UDP ports. */
#include <stdint.h>

uint64_t demux(const uint8_t *data, uint64_t bytes);

uint64_t demux(const uint8_t *data, uint64_t bytes)
{
    const uint16_t *type = (const void *)(data + 12), *port = (const void *)(data + 36);

    if (bytes < 42)
        return 0;
    if (*type != 8)
        return 0;
    if (data[23] != 17)
        return 0;
    switch (__builtin_bswap16(*port)) {
    case 53:
        return 1;
    case 67:
        return 2;
    case 69:
        return 3;
    case 80:
        return 4;
    case 123:
        return 5;
    case 161:
        return 6;
    case 443:
        return 7;
    case 514:
        return 8;
    case 1194:
        return 9;
    case 1812:
        return 10;
    case 4500:
        return 11;
    case 4789:
        return 12;
    case 5060:
        return 13;
    case 5353:
        return 14;
    case 8080:
        return 15;
    case 51820:
        return 16;
    default:
        return 0;
    }
}
