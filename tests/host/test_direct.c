/* A web server round the stack: what clients get from it, in good weather and bad, and what
 * attackers do not. */
#define _GNU_SOURCE
#include "tests/host/direct_world.h"

static void documents_of_every_size_arrive_as_they_are(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0,    1,    1000,  1024,   1280,    1310,
                                     1311, 1460, 10240, 102400, 1048576, 3000000};
    struct client *c = client_opened(1000);
    uint32_t at = 0;

    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        client_send(c, world_get(sizes[i]));
        world_run(20);
        at += world_answer(c, at, sizes[i]);
        assert_int_equal(c->got_count, at);
        if (sizes[i] <= 1048576) /* the last one is longer than the arena */
            assert_int_equal(server.figures.copies, 0);
    }
    assert_true(server.figures.copies > 2000);
    assert_int_equal(server.figures.again, 0);
}

static void the_same_request_again_is_known(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);
    uint32_t at = 0, packets;

    for (unsigned i = 0; i < 20; i++) {
        packets = c->packets;
        client_send(c, world_get(1024));
        world_run(1);
        at += world_answer(c, at, 1024);
        assert_int_equal(c->packets - packets, 1); /* the answer acknowledges, too */
    }
    client_send(c, "GET /1023 HTTP/1.1\r\nHost: a\r\n\r\n"); /* as long, and another one */
    world_run(1);
    world_answer(c, at, 1023);
}

static void a_document_goes_to_many_at_once(void **state)
{
    (void)state;
    struct client *c[16];

    for (uint16_t i = 0; i < 16; i++)
        c[i] = client_opened((uint16_t)(1000 + i));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 16; i++)
            client_send(c[i], world_get(10240));
        world_run(5);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint32_t at = world_answer(c[i], 0, 10240);
        at += world_answer(c[i], at, 10240);
        world_answer(c[i], at, 10240);
    }
    assert_true(server.figures.twins > 0); /* of packets that the link was still to read */
}

/* Losing up to a fifth, and whatever else, the client sends its request again when nothing comes.
 */
static void bad_weather_delays_only(void **state)
{
    (void)state;
    static const struct weather kinds[] = {{100, 0, 0}, {0, 300, 0}, {0, 0, 300}, {200, 100, 200}};

    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct client *c = client_opened((uint16_t)(1000 + i));
        const char *request = world_get(300000);
        uint32_t begin = c->out, turns = 0;
        weather = kinds[i];
        client_send(c, request);
        while (c->got_count < 300000 && turns++ < 600) {
            world_run(1000);
            if ((int32_t)(c->acknowledged - c->out) < 0)
                client_send_at(c, begin, TCP_ACK | TCP_PSH, request, (uint32_t)strlen(request));
        }
        weather = (struct weather){0, 0, 0};
        world_run(20000);
        world_answer(c, 0, 300000);
        client_free(c);
    }
    assert_true(server.figures.again > 0);
}

static void one_lost_packet_comes_again_before_the_timer(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);

    client_send(c, world_get(1000)); /* so that it knows how long answers take */
    world_run(5);
    const uint32_t at = world_answer(c, 0, 1000);
    client_send(c, world_get(1000000));
    weather.lost = 4;
    world_run(150); /* shorter than the least of timers */
    weather.lost = 0;
    world_answer(c, at, 1000000);
    assert_true(server.figures.again > 1);
}

/* What came and is not told yet, is told packet by packet. Returns how many more come of it. */
static uint32_t tell_each(struct client *c, uint32_t *told)
{
    const uint32_t in = c->in, before = c->packets;

    while (*told != in) {
        const uint32_t left = in - *told;
        *told += left < SEGMENT_MOST ? left : SEGMENT_MOST;
        c->in = *told;
        client_send_at(c, c->out, TCP_ACK, "", 0);
    }
    world_run(1);
    return c->packets - before;
}

/* RFC 5681: the window doubles up to half of what was in flight, and then grows by a packet. */
static void after_a_silence_the_window_doubles_up_to_half(void **state)
{
    struct client *c = client_opened(1000);
    uint32_t told = c->in, flight = 0, packets, last;

    (void)state;
    c->is_quiet = true;
    client_send(c, world_get(1000000));
    world_run(1);
    while (flight < 16)
        flight = tell_each(c, &told);
    packets = c->packets;
    for (unsigned i = 0; i < TCP_RETRY_MOST && c->packets == packets; i++)
        world_run(1);
    assert_int_equal(c->packets, packets + 1); /* the first of them again */
    told = c->in;                              /* all of them at once: one packet more */
    packets = c->packets;
    client_send_at(c, c->out, TCP_ACK, "", 0);
    world_run(1);
    packets = c->packets - packets;
    assert_int_equal(packets, 2);
    for (last = 1; packets < flight / 2; packets = tell_each(c, &told)) {
        assert_int_equal(packets, 2 * last);
        last = packets;
    }
    for (unsigned i = 0; i < 4; i++) {
        last = packets;
        packets = tell_each(c, &told);
        assert_in_range(packets, last, last + 2);
    }
    assert_true(packets > flight / 2);
    client_free(c);
}

static void a_request_may_be_cut_anywhere(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);
    const char *request = world_get(500);
    uint32_t length = (uint32_t)strlen(request), at = 0;

    for (uint32_t cut = 1; cut < length; cut++) {
        client_send_at(c, c->out, TCP_ACK, request, cut);
        world_run(1);
        assert_int_equal(c->got_count, at);
        assert_int_equal(c->acknowledged, c->out + cut);
        c->out += cut;
        client_send_at(c, c->out - cut / 2, TCP_ACK, request + cut - cut / 2,
                       length - cut + cut / 2);
        c->out += length - cut;
        world_run(1);
        at += world_answer(c, at, 500);
    }
}

static void what_is_ahead_comes_again(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);
    const char *request = world_get(500);
    uint32_t length = (uint32_t)strlen(request), acks = c->acks;

    client_send_at(c, c->out + 10, TCP_ACK, request + 10, length - 10);
    world_run(1);
    assert_int_equal(c->acks, acks + 1); /* which says what is missing */
    assert_int_equal(c->acknowledged, c->out);
    client_send(c, request);
    world_run(1);
    world_answer(c, 0, 500);
}

static void many_requests_at_once_are_answered_in_order(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);
    char all[8192] = "";
    uint32_t at = 0;

    for (unsigned i = 0; i < 100; i++)
        strcat(all, world_get(i * 40));
    for (uint32_t sent = 0, length = (uint32_t)strlen(all); sent < length; sent += 1400) {
        uint32_t part = length - sent < 1400 ? length - sent : 1400;
        client_send_at(c, c->out, TCP_ACK, all + sent, part);
        c->out += part;
    }
    world_run(50);
    for (unsigned i = 0; i < 100; i++)
        at += world_answer(c, at, i * 40);
    assert_int_equal(c->acknowledged, c->out);
}

static void windows_are_kept_to(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);

    c->is_quiet = true;
    c->window = 0;
    client_send(c, world_get(1000000));
    world_run(5000); /* now and then one byte, to ask */
    assert_int_equal(c->got_count, 1);
    for (c->window = 1; c->window < 65536; c->window = c->window * 3 / 2 + 1) {
        uint32_t before = c->got_count;
        client_send_at(c, c->out, TCP_ACK, NULL, 0);
        world_run(2000);
        assert_true(c->got_count > before);
    }
    c->window = 65535;
    for (unsigned i = 0; i < 2000 && c->got_count < 1000000; i++) {
        client_send_at(c, c->out, TCP_ACK, NULL, 0);
        world_run(5);
    }
    world_run(1000);
    world_answer(c, 0, 1000000);
}

static void small_segments_are_kept_to(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {64, 536, 1000, 1459, 9000};
    static const uint32_t most[] = {64, 536, 536, 1440, 1460};

    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct client *c = client_new((uint16_t)(1000 + i));
        c->segment = sizes[i];
        client_open(c);
        client_send(c, world_get(20000));
        world_run(50);
        uint32_t bytes = world_answer(c, 0, 20000);
        assert_true(c->packets - 1 >= bytes / most[i]);
        assert_true(c->packets - 1 <= bytes / most[i] + 4);
        client_free(c);
    }
}

static void an_end_after_the_last_answer(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);

    client_send(c, "GET /1000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    world_run(5);
    world_answer(c, 0, 1000);
    assert_int_equal(c->ends, 1);
    assert_non_null(memmem(c->got, c->got_count, "Connection: close", 17));
    client_end(c);
    world_run(5);
    assert_int_equal(c->acknowledged, c->out);
    assert_int_equal(server.figures.open, 1); /* remembered for a while */
    client_send_at(c, c->out - 1, TCP_ACK | TCP_FIN, NULL, 0);
    uint32_t acks = c->acks;
    world_run(5);
    assert_int_equal(c->acks, acks + 1);
    c->first = c->out + 100000; /* the same ports once more */
    client_open(c);
    c->got_count = 0;
    memset(c->has, 0, 100000);
    client_send(c, world_get(77));
    world_run(5);
    world_answer(c, 0, 77);
    client_end(c);
    world_run(5);
    assert_int_equal(c->ends, 2);
    assert_int_equal(server.figures.open, 0);
}

static void who_sends_no_more_is_still_answered(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);
    const char *request = world_get(200000);

    client_send_at(c, c->out, TCP_ACK | TCP_FIN, request, (uint32_t)strlen(request));
    c->out += (uint32_t)strlen(request) + 1;
    world_run(20);
    world_answer(c, 0, 200000);
    assert_int_equal(c->ends, 1);
    assert_int_equal(server.figures.open, 0);
    c = client_opened(1001);
    client_send_at(c, c->out, TCP_ACK | TCP_FIN, "GET /", 5); /* half a request */
    world_run(20);
    assert_int_equal(c->ends, 1);
}

static void errors_have_their_status(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status;
        bool ends;
    } rows[] = {
        {"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404", false},
        {"GET /dir HTTP/1.1\r\nHost: a\r\n\r\n", "301", false},
        {"GET /.exo4/x HTTP/1.1\r\nHost: a\r\n\r\n", "404", false},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "405", true},
        {"rubbish\r\n\r\n", "400", true},
        {"GET / HTTP/2.0\r\n\r\n", "505", true},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client *c = client_opened((uint16_t)(1000 + i));
        client_send(c, rows[i].request);
        world_run(5);
        assert_memory_equal(c->got + 9, rows[i].status, 3);
        assert_int_equal(c->ends, rows[i].ends);
        assert_int_equal(c->resets, 0);
    }
}

static void a_head_has_no_body_and_bodies_are_dropped(void **state)
{
    (void)state;
    struct client *c = client_opened(1000);

    client_send(c, "HEAD /5000 HTTP/1.1\r\nHost: a\r\n\r\n");
    world_run(5);
    assert_memory_equal(c->got + c->got_count - 4, "\r\n\r\n", 4);
    assert_non_null(memmem(c->got, c->got_count, "Content-Length: 5000\r\n", 22));
    uint32_t at = c->got_count;
    client_send(c, "GET /5 HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /6 HTTP/1.1");
    world_run(5);
    at += world_answer(c, at, 5);
    client_send(c, "\r\nHost: a\r\n\r\n00");
    client_send(c, world_get(7));
    world_run(5);
    world_answer(c, at, 7);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)
    const struct CMUnitTest tests[] = {
        TEST(documents_of_every_size_arrive_as_they_are),
        TEST(the_same_request_again_is_known),
        TEST(a_document_goes_to_many_at_once),
        TEST(bad_weather_delays_only),
        TEST(one_lost_packet_comes_again_before_the_timer),
        TEST(after_a_silence_the_window_doubles_up_to_half),
        TEST(a_request_may_be_cut_anywhere),
        TEST(what_is_ahead_comes_again),
        TEST(many_requests_at_once_are_answered_in_order),
        TEST(windows_are_kept_to),
        TEST(small_segments_are_kept_to),
        TEST(an_end_after_the_last_answer),
        TEST(who_sends_no_more_is_still_answered),
        TEST(errors_have_their_status),
        TEST(a_head_has_no_body_and_bodies_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
