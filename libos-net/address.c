/* Addresses and ports as people write them. */
#include "libos-net/address.h"

uint32_t address_read(const char *s)
{
    uint32_t address = 0;

    for (unsigned part = 0; part < 4; part++) {
        uint32_t value = 0;
        const char *begin = s;
        for (; *s >= '0' && *s <= '9' && s - begin < 3; s++)
            value = value * 10 + (uint32_t)(*s - '0');
        if (s == begin || value > 255 || *s != (part < 3 ? '.' : '\0'))
            return 0;
        address = address << 8 | value;
        s += part < 3;
    }
    return address;
}

uint16_t address_read_port(const char *s)
{
    uint32_t port = 0;

    for (; *s; s++) {
        if (*s < '0' || *s > '9' || port > 6553)
            return 0;
        port = port * 10 + (uint32_t)(*s - '0');
    }
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}
