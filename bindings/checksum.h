/* The Internet's checksum (RFC 1071), for packets that came without. */
#pragma once

#include "exo/abi/types.h"

/* Sums the bytes of a packet from `start` to its end, and stores the complement `offset` bytes
 * behind `start`, as all ones where it is 0. Pre: the field lies inside the packet. */
void checksum_complete(uint8_t *packet, uint32_t length, uint32_t start, uint32_t offset);
