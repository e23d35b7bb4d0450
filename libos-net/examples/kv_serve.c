/* A key-value store on a link. */
#include "libos-net/examples/kv_serve.h"

#include "exo/abi/kinfo.h"
#include "libos-net/direct/packet.h"
#include "libos/clock.h"

#define TURN_MOST 64u /* packets between two bells */
#define TYPE_AT   12u
#define UDP       17u
#define KIND_AT   23u

/* Into the place of an answer, because that is where they are made. */
static uint32_t answer_other(const struct answer_host *me, const uint8_t *packet, uint32_t length,
                             uint8_t *to)
{
    if (length > LINK_PACKET_MAX)
        return 0;
    memcpy(to, packet, length);
    return answer_make(me, to, length);
}

static bool is_udp(const uint8_t *packet, uint32_t length)
{
    return length > KIND_AT && packet[TYPE_AT] == TYPE_IPV4 >> 8 &&
           packet[TYPE_AT + 1] == (TYPE_IPV4 & 0xff) && packet[KIND_AT] == UDP;
}

uint64_t kv_zero(void)
{
    return KINFO->boot_realtime * CLOCK_NS_PER_S - clock_ticks_to_ns(KINFO->tsc_boot);
}

bool kv_serve(struct kv *kv, const struct answer_host *me, struct link *l)
{
    uint32_t buffer, length, count = 0;
    uint8_t *packet;

    kv->second = KINFO->boot_realtime + (cpu_ticks() - KINFO->tsc_boot) / (KINFO->tsc_khz * 1000);
    for (; count < TURN_MOST && l->receive(l, &buffer, &packet, &length); count++) {
        uint8_t *to = l->room(l);
        uint32_t bytes = 0;
        if (to)
            bytes = is_udp(packet, length) ? kv_answer_packet(kv, me, packet, length, to)
                                           : answer_other(me, packet, length, to);
        if (bytes)
            l->send(l, bytes);
        l->give_back(l, buffer);
    }
    return l->flush(l) || count > 0;
}
