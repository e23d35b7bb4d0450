/* A key-value store: each request of memcached's binary protocol that it knows, and packets that
 * are none. */
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos-net/direct/packet.h"
#include "libos-net/examples/kv.h"

#define BODY_AT 74u

static struct kv kv;
static const struct answer_host me = {{2, 0, 0, 0, 0, 1}, 11211, 0x0a00020f};
static uint8_t packet[1514], answer[1514];
static uint32_t length;

struct request {
    uint8_t opcode;
    const char *key, *value;
    uint32_t value_bytes; /* 0: as long as it is */
    uint64_t cas;
    uint32_t flags, expires;
    bool stores;
};

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static uint64_t get(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static void put_sums(void)
{
    packet[24] = packet[25] = packet[40] = packet[41] = 0;
    uint16_t sum = (uint16_t)~sum_fold(sum_bytes(packet + 14, 20, 0));
    memcpy(packet + 24, &sum, 2);
    sum = (uint16_t)~sum_fold(
        sum_bytes(packet + 26, length - 26, (uint64_t)net16(17) + net16(length - 34)));
    memcpy(packet + 40, &sum, 2);
}

static void make(const struct request *r)
{
    const uint32_t extra = r->stores ? 8 : 0, key = r->key ? (uint32_t)strlen(r->key) : 0;
    const uint32_t value = r->value_bytes ? r->value_bytes
                           : r->value     ? (uint32_t)strlen(r->value)
                                          : 0;
    uint8_t *p = packet;

    memset(p, 0, sizeof packet);
    length = BODY_AT + extra + key + value;
    memcpy(p, me.mac, 6);
    p[6] = 2;
    put(p + 12, 0x0800, 2);
    p[14] = 0x45;
    put(p + 16, length - 14, 2);
    p[22] = 64;
    p[23] = 17;
    put(p + 26, 0x0a000202, 4);
    put(p + 30, me.address, 4);
    put(p + 34, 4321, 2);
    put(p + 36, me.port, 2);
    put(p + 38, length - 34, 2);
    put(p + 42, 0xabcd, 2); /* the request's number */
    put(p + 46, 1, 2);
    p[50] = 0x80;
    p[51] = r->opcode;
    put(p + 52, key, 2);
    p[54] = (uint8_t)extra;
    put(p + 58, extra + key + value, 4);
    put(p + 62, 0x12345678, 4);
    put(p + 66, r->cas, 8);
    if (r->stores) {
        put(p + 74, r->flags, 4);
        put(p + 78, r->expires, 4);
    }
    memcpy(p + 74 + extra, r->key ? r->key : "", key);
    if (r->value)
        memcpy(p + 74 + extra + key, r->value, value);
    put_sums();
}

/* Hands over a copy that ends where its memory ends. Returns the answer's length, checked. */
static uint32_t hand_over(void)
{
    uint8_t *exact = malloc(length ? length : 1);

    memcpy(exact, packet, length);
    uint32_t bytes = kv_answer_packet(&kv, &me, exact, length, answer);
    free(exact);
    if (!bytes)
        return 0;
    const uint32_t ip = (uint32_t)get(answer + 16, 2);
    assert_true(bytes == ip + 14 && bytes >= BODY_AT);
    assert_int_equal(sum_fold(sum_bytes(answer + 14, 20, 0)), 0xffff);
    assert_int_equal(
        sum_fold(sum_bytes(answer + 26, ip - 12, (uint64_t)net16(17) + net16(ip - 20))), 0xffff);
    assert_int_equal(get(answer + 34, 2), me.port);
    assert_memory_equal(answer + 36, packet + 34, 2);
    assert_int_equal(get(answer + 30, 4), 0x0a000202);
    assert_memory_equal(answer + 42, packet + 42, 2);
    assert_int_equal(answer[50], 0x81);
    assert_int_equal(answer[51], packet[51]);
    assert_memory_equal(answer + 62, packet + 62, 4);
    assert_int_equal(get(answer + 58, 4), bytes - BODY_AT);
    return bytes;
}

/* The status of the answer, or 0xffff: there is none. */
static unsigned ask(struct request r)
{
    make(&r);
    return hand_over() ? (unsigned)get(answer + 56, 2) : 0xffff;
}

static void assert_value(uint32_t flags, const char *key, const char *value)
{
    assert_int_equal(answer[54], 4);
    assert_int_equal(get(answer + 74, 4), flags);
    assert_int_equal(get(answer + 52, 2), strlen(key));
    assert_memory_equal(answer + 78, key, strlen(key));
    assert_int_equal(get(answer + 58, 4), 4 + strlen(key) + strlen(value));
    assert_memory_equal(answer + 78 + strlen(key), value, strlen(value));
}

static int begin(void **state)
{
    (void)state;
    memset(&kv, 0, sizeof kv);
    kv.second = 1000000;
    return 0;
}

static void what_is_set_is_got(void **state)
{
    (void)state;
    assert_int_equal(ask((struct request){.opcode = 0, .key = "a"}), 1);
    assert_int_equal(
        ask((struct request){.opcode = 1, .key = "a", .value = "one", .flags = 7, .stores = true}),
        0);
    assert_int_equal(ask((struct request){.opcode = 0, .key = "a"}), 0);
    assert_value(7, "", "one");
    assert_int_equal(ask((struct request){.opcode = 0x0c, .key = "a"}), 0);
    assert_value(7, "a", "one");
    assert_int_equal(ask((struct request){.opcode = 1, .key = "a", .value = "", .stores = true}),
                     0);
    assert_int_equal(ask((struct request){.opcode = 0, .key = "a"}), 0);
    assert_value(0, "", "");
    assert_int_equal(ask((struct request){.opcode = 0, .key = "b"}), 1);
    assert_int_equal(kv.found, 3);
    assert_int_equal(kv.missed, 2);
}

static void some_store_only_what_is_there_or_not(void **state)
{
    (void)state;
    const struct request add = {.opcode = 2, .key = "a", .value = "one", .stores = true};
    const struct request replace = {.opcode = 3, .key = "a", .value = "two", .stores = true};

    assert_int_equal(ask(replace), 1);
    assert_int_equal(ask(add), 0);
    assert_int_equal(ask(add), 2);
    assert_int_equal(ask(replace), 0);
    assert_int_equal(ask((struct request){.opcode = 0, .key = "a"}), 0);
    assert_value(0, "", "two");
    assert_int_equal(ask((struct request){.opcode = 4, .key = "a"}), 0);
    assert_int_equal(ask((struct request){.opcode = 4, .key = "a"}), 1);
}

static void a_version_guards_an_item(void **state)
{
    (void)state;
    struct request r = {.opcode = 1, .key = "a", .value = "one", .stores = true};

    assert_int_equal(ask(r), 0);
    const uint64_t version = get(answer + 66, 8);
    r.cas = version + 1;
    assert_int_equal(ask(r), 2);
    assert_int_equal(ask((struct request){.opcode = 4, .key = "a", .cas = version + 1}), 2);
    r.cas = version;
    assert_int_equal(ask(r), 0);
    assert_int_equal(ask((struct request){.opcode = 0, .key = "a"}), 0);
    assert_int_equal(get(answer + 66, 8), version + 1);
    r.key = "b";
    assert_int_equal(ask(r), 1);
}

static void items_end_when_they_should(void **state)
{
    (void)state;
    struct request r = {.opcode = 1, .key = "a", .value = "one", .expires = 10, .stores = true};

    assert_int_equal(ask(r), 0);
    r.key = "b";
    r.expires = 5000000; /* a moment */
    assert_int_equal(ask(r), 0);
    kv.second += 9;
    assert_int_equal(ask((struct request){.opcode = 0, .key = "a"}), 0);
    kv.second += 1;
    assert_int_equal(ask((struct request){.opcode = 0, .key = "a"}), 1);
    kv.second = 4999999;
    assert_int_equal(ask((struct request){.opcode = 0, .key = "b"}), 0);
    kv.second = 5000000;
    assert_int_equal(ask((struct request){.opcode = 0, .key = "b"}), 1);
}

static void quiet_ones_say_nothing_of_what_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(ask((struct request){.opcode = 9, .key = "a"}), 0xffff);
    assert_int_equal(ask((struct request){.opcode = 0x0d, .key = "a"}), 0xffff);
    assert_int_equal(ask((struct request){.opcode = 1, .key = "a", .value = "one", .stores = true}),
                     0);
    assert_int_equal(ask((struct request){.opcode = 9, .key = "a"}), 0);
    assert_value(0, "", "one");
    assert_int_equal(ask((struct request){.opcode = 0x0d, .key = "a"}), 0);
    assert_value(0, "a", "one");
    assert_int_equal(ask((struct request){.opcode = 0x0a}), 0);
    assert_int_equal(ask((struct request){.opcode = 0x0b}), 0);
    assert_memory_equal(answer + 74, "exo4", 4);
    assert_int_equal(ask((struct request){.opcode = 0x55}), 0x81);
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    static char key[252], value[1002];

    memset(key, 'k', 251);
    memset(value, 'v', 1001);
    struct request r = {.opcode = 1, .key = "a", .value = value, .stores = true};
    assert_int_equal(ask(r), 3);
    value[1000] = '\0';
    assert_int_equal(ask(r), 0);
    r.key = key;
    r.value = "v";
    assert_int_equal(ask(r), 4);
    assert_int_equal(ask((struct request){.opcode = 0, .key = key}), 4);
    key[250] = '\0';
    r.value = value;
    assert_int_equal(ask(r), 0);
    assert_int_equal(ask((struct request){.opcode = 0x0c, .key = key}), 0);
    assert_value(0, key, value);
    assert_int_equal(ask((struct request){.opcode = 0}), 4);
    assert_int_equal(ask((struct request){.opcode = 0, .key = "a", .value = "v"}), 4);
    assert_int_equal(ask((struct request){.opcode = 1, .key = "a", .value = "v"}), 4);
}

static void who_is_asked_for_stays_when_it_gets_full(void **state)
{
    (void)state;
    char key[8];
    unsigned there = 0;

    assert_int_equal(
        ask((struct request){.opcode = 1, .key = "dear", .value = "1", .stores = true}), 0);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "%u", i);
        assert_int_equal(
            ask((struct request){.opcode = 1, .key = key, .value = key, .stores = true}), 0);
        assert_int_equal(ask((struct request){.opcode = 0, .key = key}), 0);
        assert_value(0, "", key);
        assert_int_equal(ask((struct request){.opcode = 0, .key = "dear"}), 0);
    }
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "%u", i);
        there += ask((struct request){.opcode = 0, .key = key}) == 0;
    }
    assert_true(there > KV_SETS * KV_PLACES / 2 && there < KV_SETS * KV_PLACES);
}

/* As many keys as a quarter of the places, which differ in the digits from `at` on. */
static void fill_with_keys(unsigned at)
{
    char key[24];
    unsigned there = 0;

    memset(&kv, 0, sizeof kv);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < KV_SETS; i++) {
            snprintf(key, sizeof key, "%016u", 0);
            key[at] = (char)('0' + i / 100);
            key[at + 1] = (char)('0' + i / 10 % 10);
            key[at + 2] = (char)('0' + i % 10);
            if (round)
                there += ask((struct request){.opcode = 0, .key = key}) == 0;
            else
                ask((struct request){.opcode = 1, .key = key, .value = key, .stores = true});
        }
    assert_true(there > KV_SETS * 98 / 100);
}

static void keys_that_are_much_alike_find_room(void **state)
{
    (void)state;
    for (unsigned at = 0; at <= 13; at++)
        fill_with_keys(at);
}

static void packets_that_are_no_requests_get_no_answer(void **state)
{
    (void)state;
    /* Where in the packet, and what is right there. */
    static const uint8_t own[] = {0, 12, 14, 16, 20, 23, 30, 36, 38, 44, 46, 50, 52, 54, 58};
    static const uint16_t bits[] = {0x10, 0x01, 0x01, 0x10, 0x20, 0x01, 0x01, 0x10,
                                    0x10, 0x01, 0x01, 0x01, 0x10, 0xf0, 0x01};
    const struct request r = {.opcode = 0, .key = "a"};

    for (unsigned i = 0; i < sizeof own; i++) {
        make(&r);
        packet[own[i]] ^= (uint8_t)bits[i];
        put_sums();
        assert_int_equal(hand_over(), 0);
    }
    for (unsigned i = 14; i < BODY_AT + 1; i++) { /* a sum is wrong */
        make(&r);
        packet[i] ^= 0x04;
        assert_int_equal(hand_over(), 0);
    }
    make(&r);
    for (const uint32_t whole = length; length--;)
        assert_true(hand_over() == 0 && whole);
    make(&r);
    packet[40] = packet[41] = 0; /* it has none, which is allowed */
    assert_int_not_equal(hand_over(), 0);
}

static void any_bytes_do_no_harm(void **state)
{
    (void)state;
    uint64_t chance = 5;

    for (unsigned i = 0; i < 200000; i++) {
        struct request r = {
            .opcode = (uint8_t)(i % 16), .key = "abc", .value = "value", .stores = i % 3 != 0};
        make(&r);
        for (unsigned j = 0; j < 3; j++) {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            packet[42 + chance % 50] = (uint8_t)(chance >> 32);
        }
        packet[50] = 0x80;
        put_sums();
        hand_over();
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, begin)
    const struct CMUnitTest tests[] = {
        TEST(what_is_set_is_got),
        TEST(some_store_only_what_is_there_or_not),
        TEST(a_version_guards_an_item),
        TEST(items_end_when_they_should),
        TEST(quiet_ones_say_nothing_of_what_is_not_there),
        TEST(what_is_too_long_is_refused),
        TEST(who_is_asked_for_stays_when_it_gets_full),
        TEST(keys_that_are_much_alike_find_room),
        TEST(packets_that_are_no_requests_get_no_answer),
        TEST(any_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
