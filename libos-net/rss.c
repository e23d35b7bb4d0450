/* The hash by which a card chooses among its pairs. */
#include "libos-net/rss.h"

/* The key of the definition's own examples. */
const uint8_t rss_key[RSS_KEY_BYTES] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                        0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                        0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

uint32_t rss_hash(const uint8_t *key, const uint8_t *data, unsigned bytes)
{
    uint32_t window = 0, hash = 0; /* the 32 bits of the key from the current bit on */

    for (unsigned i = 0; i < 4; i++)
        window = window << 8 | key[i];
    for (unsigned i = 0; i < bytes; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            hash ^= data[i] >> (7 - bit) & 1 ? window : 0;
            window = window << 1 | (key[i + 4] >> (7 - bit) & 1);
        }
    return hash;
}

static unsigned put(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return bytes;
}

uint16_t rss_pair(const struct card_steering *s, const struct rss_flow *flow, bool ports)
{
    uint8_t data[12];
    unsigned bytes = put(data, flow->from, 4);

    bytes += put(data + bytes, flow->to, 4);
    if (ports) {
        bytes += put(data + bytes, flow->from_port, 2);
        bytes += put(data + bytes, flow->to_port, 2);
    }
    return s->table[rss_hash(s->key, data, bytes) & (s->table_length - 1u)];
}
