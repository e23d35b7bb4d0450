/* The key-value store's packet handler, compiled for this machine, where what happens in the middle
 * of a run is the test's: the item changes, or there is no room for an answer. */
#include "tests/host/host.h"

#include <string.h>

#include "libos-net/direct/packet.h"
#include "libos-net/examples/kv.h"

/* Helpers that nobody calls; and their numbers, which are functions to them. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#include "grafts/include/graft_helpers.h"
#undef IP_BYTES /* the handler's own is the same */
#undef IP_PLAIN
#undef IP_WHOLE
#undef TYPE_IPV4
static void *fake_lookup(const void *map, const void *key);
static uint64_t fake_store(uint64_t at, const void *from, uint64_t bytes, uint64_t seed);
#define map_lookup_elem fake_lookup
#define answer_store    fake_store
#define ktime_get_ns()  1000000000u
#include "libos-net/examples/handler_kv.c"
#pragma GCC diagnostic pop

#define FULL    ((uint64_t)GRAFT_MAP_FULL)
#define BYTES   (74u + 4u)
#define CHANGES 2u /* of its turn, when an item is written */

static struct kv kv;
static struct kv_item *item; /* that is asked for */
static const struct answer_host me = {{2, 0, 0, 0, 0, 1}, 11211, 0x0a00020f};
static unsigned stores, full_at, changed_at; /* calls; the one that is refused, or is too late */

/* Numbers in it are where their types want them. */
static _Alignas(8) uint8_t room[8 + 1514];
static uint8_t *const packet = room + 6;

static void *fake_lookup(const void *map, const void *key)
{
    (void)map;
    assert_int_equal(*(const uint32_t *)key, 0);
    return &kv;
}

static uint64_t fake_store(uint64_t at, const void *from, uint64_t bytes, uint64_t seed)
{
    static uint64_t end;

    (void)from;
    stores++;
    assert_int_equal(at, stores == 1 ? 74 : end);
    end = at + bytes;
    if (stores == changed_at)
        item->turn += CHANGES;
    return stores == full_at ? FULL : seed;
}

static void put(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* A GET of "abcd" without UDP's sum. */
static void make(void)
{
    memset(room, 0, sizeof room);
    memcpy(packet, me.mac, 6);
    packet[6] = 2;
    put(packet + 12, 0x0800, 2);
    packet[14] = 0x45;
    put(packet + 16, BYTES - 14, 2);
    packet[23] = 17;
    put(packet + 26, 0x0a000202, 4);
    put(packet + 30, me.address, 4);
    put(packet + 34, 4321, 2);
    put(packet + 36, me.port, 2);
    put(packet + 38, BYTES - 34, 2);
    put(packet + 46, 1, 2);
    packet[50] = 0x80;
    put(packet + 52, 4, 2);
    put(packet + 58, 4, 4);
    memcpy(packet + 74, "abcd", 4);
    const uint16_t sum = (uint16_t)~sum_fold(sum_bytes(packet + 14, 20, 0));
    memcpy(packet + 24, &sum, 2);
}

static uint64_t run(void)
{
    make();
    stores = 0;
    const struct graft_packet p = {
        .data = (uintptr_t)packet, .data_end = (uintptr_t)packet + BYTES, .length = BYTES};
    return handler_kv(&p);
}

static int begin(void **state)
{
    const uint64_t word = 0x64636261; /* "abcd" */

    (void)state;
    memset(&kv, 0, sizeof kv);
    kv.address[0] = net16(me.address >> 16);
    kv.address[1] = net16(me.address);
    kv.port = net16(me.port);
    item = &kv.items[kv_mix(4, word) % KV_SETS][2];
    *item = (struct kv_item){.turn = 8, .version = 5, .key_bytes = 4, .value_bytes = 3};
    memcpy(item->bytes, "abcdxyz", 7);
    full_at = changed_at = 0;
    return 0;
}

static void an_item_is_answered_in_two_pieces(void **state)
{
    (void)state;
    assert_int_equal(run(), GRAFT_ANSWER);
    assert_int_equal(stores, 2);
    assert_int_equal(packet[50], 0x81);
    assert_int_equal(packet[73], 5);
    assert_int_equal(kv.handled, 1);
}

static void what_changes_meanwhile_is_the_programs(void **state)
{
    (void)state;
    for (changed_at = 1; changed_at <= 2; changed_at++)
        assert_int_equal(run(), GRAFT_PASS);
    item->turn++;
    assert_int_equal(run(), GRAFT_PASS);
    assert_int_equal(stores, 0);
    assert_int_equal(kv.handled, 0);
    assert_int_equal(packet[50], 0x80); /* the program gets it as it came */
}

static void without_room_it_is_the_programs(void **state)
{
    (void)state;
    full_at = 2;
    assert_int_equal(run(), GRAFT_PASS);
    assert_int_equal(kv.handled, 0);
    assert_int_equal(packet[50], 0x80);
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_item_is_answered_in_two_pieces),
        TEST(what_changes_meanwhile_is_the_programs),
        TEST(without_room_it_is_the_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
