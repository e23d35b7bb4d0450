/* A UDP datagram in IPv4 without options on Ethernet, for examples. Numbers are big-endian. */
#pragma once

#include "exo/abi/graft.h"

#define UDP_PORT_ECHO 7u
#define UDP_TYPE_IPV4 0x0800u
#define UDP_HEAD      0x45u /* IPv4, five words */
#define UDP_PROTOCOL  17u
#define UDP_OFFSET    0x1fffu /* bits of the fragment word that hold the offset */
#define UDP_MORE      0x2000u

struct udp_packet {
    uint16_t to_mac[3], from_mac[3];
    uint16_t type;
    uint8_t head, service;
    uint16_t length, id, fragment;
    uint8_t time_to_live, protocol;
    uint16_t header_checksum;
    uint16_t from[2], to[2];
    uint16_t from_port, to_port;
    uint16_t bytes, checksum;
};
_Static_assert(sizeof(struct udp_packet) == 42, "as on the wire");
