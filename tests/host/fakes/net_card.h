/* A network card in the test's hands: packets that it gives to the core, and those that come out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FAKE_PACKETS 256u
#define FAKE_PACKET  2048u

struct fake_packet {
    uint32_t bytes;
    uint8_t data[FAKE_PACKET];
};

extern struct fake_net {
    bool is_there;
    bool is_full;        /* nothing can be sent */
    bool sums;           /* it makes the sums of packets sent; read when it is found */
    bool vouches;        /* for the sums of packets that it gives                    */
    uint32_t completed;  /* sums that it has made                                    */
    uint32_t first, end; /* of `in`, free-running: given, and taken by the core            */
    uint32_t sent;       /* packets that came out; the last ones are in `out`              */
    uint32_t held;       /* buffers that the core has not given back                       */
    struct fake_packet in[FAKE_PACKETS], out[FAKE_PACKETS];
} fake_net;

/* Gives a packet to the core, which sees it when it looks next. */
void fake_net_give(const void *data, uint32_t bytes);

/* The packet that came out `back` packets ago, 0: the last. */
const struct fake_packet *fake_net_sent(uint32_t back);
