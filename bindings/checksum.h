/* The Internet's checksum (RFC 1071), for packets that came without. */
#pragma once

#include "exo/io/nic.h"

/* Sums the bytes of a packet from `start` to its end, and stores the complement `offset` bytes
 * behind `start`, as all ones where it is 0. Pre: the field lies inside the packet. */
void checksum_complete(uint8_t *packet, uint32_t length, uint32_t start, uint32_t offset);

/* Completes the sum of a received packet if the card says that it is partial: now it is good. */
void checksum_settle(uint8_t *packet, uint32_t length, struct nic_csum *csum);

/* CSUM_* for the owner of a buffer that was posted with such a state; completes the sum for one who
 * does not take it partial. */
uint32_t checksum_tell(uint8_t *packet, uint32_t length, struct nic_csum *csum, uint32_t posted);
