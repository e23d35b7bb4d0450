/* A web server round the stack: who attacks it, stalls, or comes when all is taken. */
#define _GNU_SOURCE
#include "tests/host/direct_world.h"

static void resets_need_to_know(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);
    uint32_t acks = c->acks;

    client_send_at(c, c->out + TCP_WINDOW, TCP_RST, NULL, 0);
    client_send_at(c, c->out - 1, TCP_RST, NULL, 0);
    world_run(1);
    assert_int_equal(c->acks, acks);
    client_send_at(c, c->out + 1, TCP_RST, NULL, 0);
    world_run(1);
    assert_int_equal(c->acks, acks + 1);
    client_send_at(c, c->out, TCP_SYN, NULL, 0);
    world_run(1);
    assert_int_equal(c->acks, acks + 2);
    c->in += 100; /* it says that it has what was never sent */
    client_send_at(c, c->out, TCP_ACK, NULL, 0);
    c->in -= 100;
    world_run(1);
    assert_int_equal(c->acks, acks + 3);
    for (unsigned i = 0; i < 1000; i++)
        client_send_at(c, c->out, TCP_SYN, NULL, 0);
    world_run(1);
    assert_true(c->acks < acks + 150); /* not for each */
    client_send(c, world_get(10));
    world_run(1);
    world_answer(c, 0, 10);
    client_send_at(c, c->out, TCP_RST, NULL, 0);
    world_run(1);
    assert_int_equal(server.figures.open, 0);
}

static void a_flood_of_beginnings_leaves_nothing(void **state)
{
    (void)state;
    struct client *c = client_new(1), *other = client_opened(2000);

    for (unsigned i = 0; i < 20000; i++) {
        c->port = (uint16_t)(3000 + i);
        client_send_at(c, i * 7919, TCP_SYN, NULL, 0);
        if (i % 1000 == 999)
            world_run(1);
    }
    assert_int_equal(server.figures.open, 1);
    for (unsigned i = 0; i < 2000; i++) { /* and then guesses what it was told */
        c->in = i * 0x01234567u;
        client_send_at(c, i, TCP_ACK, NULL, 0);
        world_run(1);
    }
    assert_int_equal(server.figures.open, 1);
    assert_true(c->resets >= 2000);
    client_send(other, world_get(1024));
    world_run(1);
    world_answer(other, 0, 1024);
}

static void a_cookie_is_good_for_two_minutes_and_one_peer(void **state)
{
    (void)state;
    static const uint32_t ages[] = {1, 60000, 130000};

    for (unsigned i = 0; i < 3; i++) {
        struct client *c = client_new((uint16_t)(1000 + i));
        client_send_at(c, c->first, TCP_SYN, NULL, 0);
        world_run(ages[i]);
        c->out = c->first + 1;
        c->address++; /* somebody else says it */
        client_send_at(c, c->out, TCP_ACK, NULL, 0);
        c->address--;
        client_send_at(c, c->out + 1, TCP_ACK, NULL, 0); /* with another number of its own */
        world_run(1);
        assert_int_equal(server.figures.open, 0);
        client_send(c, world_get(10)); /* the first that comes has a request with it */
        world_run(1);
        assert_int_equal(server.figures.open, i < 2);
        if (i < 2)
            world_answer(c, 0, 10);
        client_send_at(c, c->out, TCP_RST, NULL, 0);
        world_run(1);
    }
}

static void who_asks_for_nothing_makes_room(void **state)
{
    (void)state;
    struct client *busy = client_opened(500), *c = client_new(1);

    busy->is_quiet = true; /* its answer does not arrive */
    client_send(busy, world_get(100));
    for (uint32_t i = 0; i < TCP_CONNECTIONS; i++) {
        c->port = (uint16_t)(1000 + i);
        c->first = i * 1000;
        client_open(c);
    }
    assert_int_equal(server.figures.turned_out, 1);
    assert_int_equal(busy->resets, 0);
    assert_int_equal(server.figures.open, TCP_CONNECTIONS);
    client_send(c, world_get(10));
    world_run(1);
    world_answer(c, 0, 10);
    world_answer(busy, 0, 100);
}

static void who_stalls_is_turned_out(void **state)
{
    (void)state;
    struct client *idle = client_opened(1000), *slow = client_opened(1001),
                  *half = client_opened(1002);

    slow->is_quiet = true;
    client_send(slow, world_get(100000));
    client_send(half, "GET /1 HT");
    world_run(14000);
    assert_int_equal(server.figures.open, 3);
    world_run(2000);
    assert_int_equal(server.figures.open, 1);
    assert_true(idle->resets && half->resets && !slow->resets);
    world_run(30000);
    assert_true(slow->resets);
    assert_int_equal(server.figures.open, 0);
}

static void a_full_link_delays_only(void **state)
{
    (void)state;
    struct client *a = client_opened(1000), *b = client_opened(1001);

    link_room = 3;
    client_send(a, world_get(200000));
    client_send(b, world_get(200000));
    world_run(150);
    world_answer(a, 0, 200000);
    world_answer(b, 0, 200000);
    assert_int_equal(server.figures.again, 0);
}

static void buffers_for_halves_are_few(void **state)
{
    (void)state;
    struct client *c = client_new(1), *last;

    for (unsigned i = 0; i < TCP_BUFFERS; i++) {
        c->port = (uint16_t)(1000 + i);
        c->first = i * 1000;
        client_open(c);
        client_send(c, "GET /");
        world_run(1);
    }
    assert_null(server.free_buffers);
    last = client_opened(5000);
    client_send(last, "GET /");
    world_run(1);
    assert_int_equal(last->acknowledged, last->out - 5);                /* it comes again, later */
    client_send_at(last, last->out - 5, TCP_ACK | TCP_FIN, "GET /", 5); /* nor is its end heard */
    world_run(1);
    assert_int_equal(last->acknowledged, last->out - 5);
    last->out -= 5;
    client_send(last, world_get(10));
    world_run(1);
    world_answer(last, 0, 10);
}

/* The date's second changes while an old answer is on its way. */
static void answers_keep_their_date(void **state)
{
    (void)state;
    struct client *slow = client_opened(1000), *c = client_opened(1001);
    uint32_t at = 0;

    slow->window = 47; /* in the midst of the second */
    slow->is_quiet = true;
    client_send(slow, world_get(600));
    client_send(c, world_get(600));
    world_run(5);
    at += world_answer(c, at, 600);
    for (unsigned i = 1; i < 5; i++) {
        client_send(c, world_get(600));
        world_run(1500);
        at += world_answer(c, at, 600);
    }
    slow->window = 65535;
    for (unsigned i = 0; i < 10; i++) {
        client_send_at(slow, slow->out, TCP_ACK, NULL, 0);
        world_run(500);
    }
    world_answer(slow, 0, 600);
    assert_memory_equal(slow->got, c->got, 60);
    assert_memory_not_equal(c->got, c->got + at / 5 * 4, 60); /* another second */
}

static void documents_make_room_for_others(void **state)
{
    (void)state;
    struct client *c = client_opened(1000), *slow = client_opened(1001);
    uint32_t at = 0;

    slow->is_quiet = true;
    slow->window = 1000;
    client_send(slow, world_get(99999));
    for (uint32_t i = 0; i < 4 * CACHE_DOCUMENTS; i++) { /* all once, and then again */
        const uint32_t bytes = 2000 + i % (2 * CACHE_DOCUMENTS);
        client_send(c, world_get(bytes));
        world_run(1);
        world_answer(c, at, bytes);
        at = 0;
        c->got_count = 0;
        memset(c->has, 0, 30000);
    }
    assert_true(cache.forgotten > CACHE_DOCUMENTS);
    slow->window = 65535;
    for (unsigned i = 0; i < 20; i++) {
        client_send_at(slow, slow->out, TCP_ACK, NULL, 0);
        world_run(500);
    }
    world_answer(slow, 0, 99999);
}

static void strange_packets_harm_nobody(void **state)
{
    (void)state;
    struct client *good = client_opened(1000), *bad = client_new(1001);
    uint8_t text[200];
    uint32_t at = 0;

    for (unsigned i = 0; i < 20000; i++) {
        if (i % 100 == 0) {
            client_send(good, world_get(i));
            world_run(1);
            at += world_answer(good, at, i);
            bad->first = chance_below(1u << 31);
            bad->resets = 0;
            client_send_at(bad, bad->first, TCP_SYN, NULL, 0);
            world_run(1);
            bad->out = bad->first + 1;
            client_send_at(bad, bad->out, TCP_ACK, NULL, 0);
        }
        for (unsigned j = 0; j < sizeof text; j++)
            text[j] = (uint8_t)(chance_below(8) ? world_get(i)[j % 20] : (char)chance_below(256));
        bad->window = chance_below(65536);
        uint32_t in = bad->in;
        bad->in += chance_below(4) ? 0 : chance_below(5000) - 2500;
        client_send_at(bad, bad->out + (chance_below(2) ? 0 : chance_below(300) - 100),
                       (uint8_t)(chance_below(4) ? TCP_ACK : chance_below(64)), text,
                       chance_below(sizeof text));
        bad->in = in;
        if (chance_below(4) == 0)
            bad->out++;
        if (i % 10 == 0)
            world_run(1);
        bad->window = 65535;
    }
    bad->resets = 0;
}

static void broken_packets_are_dropped(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);
    uint32_t packets = c->packets;
    _Alignas(struct tcp_head) uint8_t packet[100];

    /* As a client would write it, one byte of it changed; but for those that nobody reads. */
    for (unsigned at = 0; at < 58; at++) {
        bool unread = at >= 6 && at < 12; /* from whom, on the link */
        client_write(c, c->out, TCP_ACK, "GET ", 4, packet);
        packet[at] ^= 0x11;
        if (!unread)
            direct_receive(&server, packet, 58);
        for (uint32_t length = 0; length < 58; length++) {
            uint8_t *exact = malloc(length ? length : 1);
            packet[at] ^= 0x11;
            memcpy(exact, packet, length);
            packet[at] ^= 0x11;
            direct_receive(&server, exact, length);
            free(exact);
        }
    }
    world_run(1);
    assert_int_equal(c->packets, packets);
    assert_true(server.figures.bad_sums > 20);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)
    const struct CMUnitTest tests[] = {
        TEST(resets_need_to_know),
        TEST(a_flood_of_beginnings_leaves_nothing),
        TEST(a_cookie_is_good_for_two_minutes_and_one_peer),
        TEST(who_asks_for_nothing_makes_room),
        TEST(who_stalls_is_turned_out),
        TEST(a_full_link_delays_only),
        TEST(buffers_for_halves_are_few),
        TEST(answers_keep_their_date),
        TEST(documents_make_room_for_others),
        TEST(strange_packets_harm_nobody),
        TEST(broken_packets_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
