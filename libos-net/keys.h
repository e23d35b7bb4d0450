/* Keys of a packet ring for programs that take one port of an address (exo/abi/ring.h). */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/ring.h"

#define KEYS_IPV4 0x0800u
#define KEYS_ARP  0x0806u
#define KEYS_ICMP 1u
#define KEYS_TCP  6u
#define KEYS_UDP  17u

/* Packets of this kind for `address`, all when a kind is 0. */
struct ring_key keys_for(uint32_t address, uint16_t ethertype, uint8_t protocol);

/* Those of who has one port of an address: ARP, which everybody hears; ping, which one answers; the
 * port. Returns how many. */
uint32_t keys_of_port(uint32_t address, uint8_t protocol, uint16_t port,
                      struct ring_key keys[RING_KEYS]);

/* Binds them to a ring. Errors of ring_keys. */
enum err keys_bind_port(slot_t ring, uint32_t address, uint8_t protocol, uint16_t port);
