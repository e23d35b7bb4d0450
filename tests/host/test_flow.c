/* Flows and keys: what is read from packets of all lengths and kinds, and how keys compare. Packets
 * lie at the very end of their memory, so that a read behind them is caught. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bindings/flow.h"

#define IPV4     0x0800u
#define LOCAL    0x0a00020fu
#define REMOTE   0x0a000202u
#define PACKET   42u
#define AT_IP    14u
#define AT_FROM  26u
#define AT_PORTS 34u

static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* A UDP packet from LOCAL:1000 to REMOTE:53. */
static const uint8_t udp[PACKET] = {
    1, 2,  3,  4, 5, 6,  0x52, 0x54, 0,  0x12, 0x34, 0x56, 8, 0, 0x45, 0, 0,  28, 0, 0, 0,
    0, 64, 17, 0, 0, 10, 0,    2,    15, 10,   0,    2,    2, 3, 0xe8, 0, 53, 0,  8, 0, 0};

static const uint8_t arp[PACKET] = {1, 2, 3, 4, 5, 6, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8,  6, 0, 1,
                                    8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15,
                                    0, 0, 0, 0, 0, 0, 10,   0,    2, 2};

static struct flow read_some(const uint8_t *packet, uint32_t bytes, bool sent)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);

    memcpy(copy, packet, bytes);
    struct flow f = flow_read(copy, bytes, sent);
    free(copy);
    return f;
}

static void a_packet_says_whose_it_is(void **state)
{
    (void)state;
    struct flow f = read_some(udp, PACKET, true);

    assert_int_equal(f.value.ethertype, IPV4);
    assert_int_equal(f.value.local, LOCAL);
    assert_int_equal(f.value.remote, REMOTE);
    assert_int_equal(f.value.protocol, 17);
    assert_int_equal(f.value.local_port, 1000);
    assert_int_equal(f.value.remote_port, 53);
    f = read_some(udp, PACKET, false);
    assert_int_equal(f.value.local, REMOTE);
    assert_int_equal(f.value.remote, LOCAL);
    assert_int_equal(f.value.local_port, 53);
    assert_int_equal(f.value.remote_port, 1000);
}

static void arp_speaks_of_addresses(void **state)
{
    (void)state;
    struct flow f = read_some(arp, PACKET, true);

    assert_int_equal(f.value.local, LOCAL);
    assert_int_equal(f.value.remote, REMOTE);
    assert_int_equal(f.has.protocol, 0);
    assert_int_equal(f.has.local_port, 0);
    assert_int_equal(read_some(arp, PACKET, false).value.local, REMOTE);
}

static void what_is_cut_off_is_not_there(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes <= PACKET; bytes++) {
        struct flow f = read_some(udp, bytes, true), a = read_some(arp, bytes, true);
        assert_int_equal(f.has.ethertype != 0, bytes >= AT_IP);
        assert_int_equal(f.has.local != 0, bytes >= AT_IP + 20);
        assert_int_equal(f.has.protocol != 0, bytes >= AT_IP + 20);
        assert_int_equal(f.has.local_port != 0, bytes >= AT_IP + 24);
        assert_int_equal(a.has.local != 0, bytes >= AT_IP + 28);
    }
}

static void only_a_first_fragment_of_a_good_header_has_ports(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
        bool addresses, ports;
    } cases[] = {
        {AT_IP + 7, 1, true, false},    {AT_IP + 6, 0x20, true, true}, /* more fragments     */
        {AT_IP + 6, 0x10, true, false}, {AT_IP + 9, 1, true, false},   /* ICMP               */
        {AT_IP, 0x65, false, false},    {AT_IP, 0x44, false, false},   /* version; too short */
        {AT_IP, 0x46, true, true},      {AT_IP, 0x47, true, false},    /* options            */
        {AT_IP, 0x4f, true, false},     {13, 6, true, false},          /* as ARP             */
        {13, 1, false, false},          {AT_IP + 9, 6, true, true},    /* TCP                */
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t p[PACKET];
        memcpy(p, udp, PACKET);
        p[cases[i].at] = cases[i].value;
        struct flow f = read_some(p, PACKET, true);
        assert_int_equal(f.has.local != 0, cases[i].addresses);
        assert_int_equal(f.has.local_port != 0, cases[i].ports);
    }
}

static void rubbish_is_read_without_harm(void **state)
{
    (void)state;
    uint8_t p[128];

    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        for (unsigned i = 0; i < sizeof p; i++)
            p[i] = (uint8_t)rand();
        p[12] = 8;
        p[13] = round & 1 ? 0 : 6;
        struct flow f = read_some(p, (uint32_t)rand() % sizeof p, round & 2);
        assert_int_equal(f.value.local & ~f.has.local, 0);
        assert_int_equal(f.value.local_port & ~f.has.local_port, 0);
    }
}

static void senders_bear_the_cards_address(void **state)
{
    (void)state;
    uint8_t p[PACKET];

    assert_true(flow_bears_mac(udp, PACKET, mac));
    assert_true(flow_bears_mac(arp, PACKET, mac));
    assert_false(flow_bears_mac(udp, AT_IP - 1, mac));
    assert_false(flow_bears_mac(arp, PACKET - 1, mac));
    for (unsigned i = 0; i < 6; i++) {
        memcpy(p, udp, PACKET);
        p[6 + i] ^= 1;
        assert_false(flow_bears_mac(p, PACKET, mac));
        memcpy(p, arp, PACKET);
        p[22 + i] ^= 0x80;
        assert_false(flow_bears_mac(p, PACKET, mac));
    }
}

static struct ring_key key(uint32_t local, uint32_t local_mask, uint16_t port)
{
    return (struct ring_key){
        .value = {.local = local & local_mask, .local_port = port},
        .mask = {.local = local_mask, .local_port = port ? UINT16_MAX : 0},
    };
}

static void keys_match_what_agrees_and_is_there(void **state)
{
    (void)state;
    const struct flow f = read_some(udp, PACKET, true), a = read_some(arp, PACKET, true);
    const struct ring_key any = {.flags = 0};
    struct ring_key mine = key(LOCAL, UINT32_MAX, 0), net = key(LOCAL, 0xffffff00, 0);
    struct ring_key port = key(LOCAL, UINT32_MAX, 1000), other = key(LOCAL + 1, UINT32_MAX, 0);

    assert_true(key_matches(&any, &f) && key_matches(&any, &a));
    assert_true(key_matches(&mine, &f) && key_matches(&mine, &a));
    assert_true(key_matches(&net, &f));
    assert_false(key_matches(&other, &f));
    assert_true(key_matches(&port, &f));
    assert_false(key_matches(&port, &a)); /* ARP has no ports */
    port.value.local_port = 1001;
    assert_false(key_matches(&port, &f));
    struct ring_key no_port = {.mask = {.local_port = UINT16_MAX}};
    assert_false(key_matches(&no_port, &a)); /* a field that lacks is not a field of 0 */
}

static void keys_compare(void **state)
{
    (void)state;
    struct ring_key mine = key(LOCAL, UINT32_MAX, 0), net = key(LOCAL, 0xffffff00, 0);
    struct ring_key port = key(LOCAL, UINT32_MAX, 80), other = key(LOCAL + 1, UINT32_MAX, 80);
    struct ring_key any_80 = key(0, 0, 80), any_81 = key(0, 0, 81);

    assert_int_equal(key_bits(&net), 24);
    assert_int_equal(key_bits(&port), 48);
    assert_true(key_overlaps(&mine, &net) && key_overlaps(&net, &other));
    assert_true(key_overlaps(&mine, &any_80));
    assert_false(key_overlaps(&mine, &other));
    assert_false(key_overlaps(&any_80, &any_81));
    assert_false(key_overlaps(&port, &any_81));
}

static void bad_keys_are_known(void **state)
{
    (void)state;
    struct ring_key k = key(LOCAL, UINT32_MAX, 80);

    assert_true(key_is_good(&k));
    k.flags = RING_KEY_FLAGS;
    assert_true(key_is_good(&k));
    k.flags = RING_KEY_FLAGS + 1;
    assert_false(key_is_good(&k));
    k = key(LOCAL, UINT32_MAX, 80);
    k.value.protocol = 1;
    assert_false(key_is_good(&k));
    k = key(LOCAL, UINT32_MAX, 80);
    k.mask.unused = 1;
    assert_false(key_is_good(&k));
    k = key(LOCAL, UINT32_MAX, 80);
    k.unused = 1;
    assert_false(key_is_good(&k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_says_whose_it_is),
        cmocka_unit_test(arp_speaks_of_addresses),
        cmocka_unit_test(what_is_cut_off_is_not_there),
        cmocka_unit_test(only_a_first_fragment_of_a_good_header_has_ports),
        cmocka_unit_test(rubbish_is_read_without_harm),
        cmocka_unit_test(senders_bear_the_cards_address),
        cmocka_unit_test(keys_match_what_agrees_and_is_there),
        cmocka_unit_test(keys_compare),
        cmocka_unit_test(bad_keys_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
