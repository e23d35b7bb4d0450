/* What tests and experiments of many filters share: keys, programs and packets of UDP ports. */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/graft.h"
#include "exo/abi/ring.h"

#define FILTER_PACKET 60u /* bytes */

/* Numbers of ports, each another for numbers below 65,536. */
uint16_t filter_port(uint32_t number);

/* UDP for that port, whatever the address. */
struct ring_key filter_key(uint16_t port);

/* A program for that port alone, checked and made a graft in `slot`, of few frames. */
enum err filter_graft(uint16_t port, slot_t slot, struct graft_report *report);

/* Writes a datagram from port 1 to `port`, from `mac` to everybody. */
void filter_packet(uint8_t *packet, const uint8_t mac[6], uint16_t port);
