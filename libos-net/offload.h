/*
 * What a stack leaves to the card (exo/abi/offload.h): checksums of TCP and UDP in whole Ethernet
 * frames, over IPv4, and over IPv6 without extension headers. Pure.
 */
#pragma once

#include "exo/abi/offload.h"

/* A frame whose TCP or UDP sum is missing, which its field says by 0: puts the pseudo header's sum
 * there, and returns the work for a card with NIC_CSUM. 0: it is no such frame, and as it was. */
uint32_t offload_begin(uint8_t *frame, uint32_t length);

/* Is it the TCP or UDP sum of a received frame that its card has vouched for? Never that of a
 * fragment: a sum is that of all. */
bool offload_is_tested(const uint8_t *frame, uint32_t length);
