/* Keys of a packet ring for programs that take one port of an address. */
#include "libos-net/keys.h"

#include "libos/call.h"

struct ring_key keys_for(uint32_t address, uint16_t ethertype, uint8_t protocol)
{
    return (struct ring_key){
        .value = {.local = address, .ethertype = ethertype, .protocol = protocol},
        .mask = {.local = UINT32_MAX,
                 .ethertype = ethertype ? UINT16_MAX : 0,
                 .protocol = protocol ? UINT8_MAX : 0},
    };
}

uint32_t keys_of_port(uint32_t address, uint8_t protocol, uint16_t port,
                      struct ring_key keys[RING_KEYS])
{
    keys[0] = keys_for(address, KEYS_ARP, 0);
    keys[0].flags = RING_KEY_YIELD | RING_KEY_COPY;
    keys[1] = keys_for(address, KEYS_IPV4, KEYS_ICMP);
    keys[1].flags = RING_KEY_YIELD;
    keys[2] = keys_for(address, KEYS_IPV4, protocol);
    keys[2].value.local_port = port;
    keys[2].mask.local_port = UINT16_MAX;
    return 3;
}

enum err keys_bind_port(slot_t ring, uint32_t address, uint8_t protocol, uint16_t port)
{
    struct ring_key keys[RING_KEYS];
    const uint32_t count = keys_of_port(address, protocol, port, keys);

    return exo_ring_keys(ring, (vaddr_t)keys, count);
}
