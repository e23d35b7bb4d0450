/* Answers to packets, made in place: ARP, ICMP echo, UDP echo. Pure logic, no stack: for programs
 * that serve one small protocol on bare packets. */
#pragma once

#include "exo/abi/types.h"

#define ANSWER_ROOM                                                                                \
    60u /* bytes that a packet's memory has at least: short answers are filled up                  \
         */

struct answer_host {
    uint8_t mac[6];
    uint16_t port;    /* UDP, echoed  */
    uint32_t address; /* IPv4, as a number: 10.0.2.15 is 0x0a00020f */
};

/* Makes `packet`, `length` bytes, into its answer. Returns the answer's length; 0: it gets none,
 * and is as it was. */
uint32_t answer_make(const struct answer_host *me, uint8_t *packet, uint32_t length);
