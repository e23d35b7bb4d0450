/* Answers to packets, made in place. */
#include "libos-net/answer.h"

/* Offsets into a packet: IEEE 802.3; RFC 826 (ARP), 791 (IP), 792 (ICMP), 768 (UDP). */
#define ETH_TO         0u
#define ETH_FROM       6u
#define ETH_TYPE       12u
#define ARP            14u
#define ARP_OPERATION  20u
#define ARP_FROM_MAC   22u
#define ARP_FROM       28u
#define ARP_TO_MAC     32u
#define ARP_TO         38u
#define ARP_END        42u
#define IP             14u
#define IP_LENGTH      16u
#define IP_FRAGMENT    20u
#define IP_TTL         22u /* with the protocol in the lower byte */
#define IP_SUM         24u
#define IP_FROM        26u
#define IP_TO          30u
#define IP_END         34u
#define ICMP_TYPE      34u /* with the code in the lower byte */
#define ICMP_SUM       36u
#define UDP_FROM       34u
#define UDP_TO         36u
#define UDP_LENGTH     38u
#define PAYLOAD        42u /* of both */
#define TYPE_IP        0x0800u
#define TYPE_ARP       0x0806u
#define ARP_REQUEST    1u
#define ARP_REPLY      2u
#define FRAGMENT_BITS  0x3fffu /* more fragments; offset */
#define TTL            64u
#define ICMP           1u
#define UDP            17u
#define ECHO_REQUEST   0x0800u
#define ECHO_REPLY     0u
#define IP_PLAIN       0x45u /* version 4, five words: no options */
#define MULTICAST_FROM 0xe0000000u

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

static void copy_mac(uint8_t *to, const uint8_t *from)
{
    put32(to, get32(from));
    put16(to + 4, get16(from + 4));
}

static bool is_mac(const uint8_t *a, const uint8_t *b)
{
    return get32(a) == get32(b) && get16(a + 4) == get16(b + 4);
}

/* Changes a word that a checksum covers, and the checksum with it (RFC 1141). It becomes 0xffff
 * where 0 would do as well, never the other way: over nothing but zeroes 0 would be wrong. */
static void change16(uint8_t *at, uint16_t value, uint8_t *sum)
{
    uint32_t s = get16(sum) + (uint32_t)get16(at) + (uint16_t)~value;

    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    put16(sum, (uint16_t)s);
    put16(at, value);
}

static bool is_ip_header_whole(const uint8_t *packet)
{
    uint64_t sum = 0;

    /* Words of four bytes add up to the same, once the carries are folded in. */
    for (unsigned at = IP; at < IP_END; at += 4)
        sum += get32(packet + at);
    for (unsigned i = 0; i < 3; i++)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

/* Back to the link address that it came from. */
static void turn_link(const struct answer_host *me, uint8_t *packet)
{
    copy_mac(packet + ETH_TO, packet + ETH_FROM);
    copy_mac(packet + ETH_FROM, me->mac);
}

static uint32_t answer_arp(const struct answer_host *me, uint8_t *packet, uint32_t length)
{
    /* Ethernet (1), IPv4, addresses of 6 and 4 bytes. */
    if (length < ARP_END || get32(packet + ARP) != (1u << 16 | TYPE_IP) ||
        get16(packet + ARP + 4) != 0x0604 || get16(packet + ARP_OPERATION) != ARP_REQUEST ||
        get32(packet + ARP_TO) != me->address)
        return 0;
    turn_link(me, packet);
    put16(packet + ARP_OPERATION, ARP_REPLY);
    copy_mac(packet + ARP_TO_MAC, packet + ARP_FROM_MAC);
    put32(packet + ARP_TO, get32(packet + ARP_FROM));
    copy_mac(packet + ARP_FROM_MAC, me->mac);
    put32(packet + ARP_FROM, me->address);
    return ARP_END;
}

static bool is_for_me(const struct answer_host *me, const uint8_t *packet, uint32_t length)
{
    uint32_t from = get32(packet + IP_FROM);

    return length >= PAYLOAD && packet[IP] == IP_PLAIN && is_mac(packet + ETH_TO, me->mac) &&
           get32(packet + IP_TO) == me->address && from != me->address && from != 0 &&
           from < MULTICAST_FROM && !(get16(packet + IP_FRAGMENT) & FRAGMENT_BITS) &&
           get16(packet + IP_LENGTH) >= PAYLOAD - IP && get16(packet + IP_LENGTH) <= length - IP &&
           is_ip_header_whole(packet);
}

/* Its sum covers what is swapped, in whichever order: it stays as it is, and so does the UDP one.
 */
static void turn_ip(const struct answer_host *me, uint8_t *packet, uint8_t protocol)
{
    turn_link(me, packet);
    put32(packet + IP_TO, get32(packet + IP_FROM));
    put32(packet + IP_FROM, me->address);
    change16(packet + IP_TTL, (uint16_t)(TTL << 8 | protocol), packet + IP_SUM);
}

/* An echo server that answered another one would never end. */
static bool is_echo(const struct answer_host *me, const uint8_t *packet)
{
    return get16(packet + UDP_TO) == me->port && get16(packet + UDP_FROM) != me->port &&
           get16(packet + UDP_FROM) != 0 &&
           get16(packet + UDP_LENGTH) == get16(packet + IP_LENGTH) - (IP_END - IP);
}

static uint32_t answer_ip(const struct answer_host *me, uint8_t *packet, uint32_t length)
{
    uint8_t protocol = packet[IP_TTL + 1];

    if (!is_for_me(me, packet, length))
        return 0;
    if (protocol == UDP && is_echo(me, packet)) {
        turn_ip(me, packet, protocol);
        put16(packet + UDP_TO, get16(packet + UDP_FROM));
        put16(packet + UDP_FROM, me->port);
    } else if (protocol == ICMP && get16(packet + ICMP_TYPE) == ECHO_REQUEST) {
        turn_ip(me, packet, protocol);
        change16(packet + ICMP_TYPE, ECHO_REPLY, packet + ICMP_SUM);
    } else {
        return 0;
    }
    return IP + get16(packet + IP_LENGTH);
}

uint32_t answer_make(const struct answer_host *me, uint8_t *packet, uint32_t length)
{
    uint32_t bytes = 0;

    if (length < ARP_END || packet[ETH_FROM] & 1) /* a group sends nothing */
        return 0;
    if (get16(packet + ETH_TYPE) == TYPE_ARP)
        bytes = answer_arp(me, packet, length);
    else if (get16(packet + ETH_TYPE) == TYPE_IP)
        bytes = answer_ip(me, packet, length);
    if (!bytes)
        return 0;
    for (; bytes < ANSWER_ROOM; bytes++)
        packet[bytes] = 0;
    return bytes;
}
