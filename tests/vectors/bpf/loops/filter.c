/* The bench's UDP port filter: IPv4 without options, UDP, to port 5353. */
#include <stdint.h>

uint64_t filter(const uint8_t *data, uint64_t bytes);

uint64_t filter(const uint8_t *data, uint64_t bytes)
{
    if (bytes < 42)
        return 0;
    if (data[12] != 8 || data[13] != 0)
        return 0;
    if ((data[14] & 0xf0) != 0x40)
        return 0;
    if (data[23] != 17)
        return 0;
    if ((data[14] & 15) * 4 != 20)
        return 0;
    return *(const uint16_t *)(const void *)(data + 36) == __builtin_bswap16(5353);
}
