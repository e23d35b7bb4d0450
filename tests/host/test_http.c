/* Requests that clients send, well and badly, and the text that answers are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/examples/http_parse.h"
#include "libos-net/examples/http_text.h"

/* Parses a copy that ends where the heap block ends, so that reading on is noticed. */
static enum http_status parse(const char *text, size_t count, struct http_request *out)
{
    char *exact = malloc(count ? count : 1);

    memcpy(exact, text, count);
    enum http_status s = http_parse(exact, count, out);
    free(exact);
    return s;
}

static void a_request_is_understood(void **state)
{
    (void)state;
    static const char text[] =
        "GET /a/b.html?x=1 HTTP/1.1\r\nHost: here\r\nAccept: */*\r\n\r\nrest";
    struct http_request r;

    assert_int_equal(parse(text, sizeof text - 1, &r), HTTP_OK);
    assert_string_equal(r.path, "/a/b.html");
    assert_false(r.head);
    assert_true(r.keep_alive);
    assert_int_equal(r.body, 0);
    assert_int_equal(r.head_size, sizeof text - 1 - 4);
}

static void every_beginning_of_a_request_asks_for_more(void **state)
{
    (void)state;
    static const char text[] = "\r\nHEAD /%41 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    struct http_request r;

    for (size_t i = 0; i < sizeof text - 1; i++)
        assert_int_equal(parse(text, i, &r), HTTP_MORE);
    assert_int_equal(parse(text, sizeof text - 1, &r), HTTP_OK);
    assert_true(r.head);
    assert_string_equal(r.path, "/A");
    assert_int_equal(r.body, 5);
}

static void requests_get_the_status_they_deserve(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_status want;
    } rows[] = {
        {"GET / HTTP/1.0\n\n", HTTP_OK}, /* bare line feeds */
        {"GET / HTTP/1.0\r\n\r\n", HTTP_OK},
        {"GET http://host:80/x HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_OK},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_OK},
        {"GET / HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET /\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"\x16\x03\x01\n", HTTP_BAD_REQUEST},
        {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_REQUEST},
        {"POST / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_METHOD},
        {"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_METHOD},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_NOT_IMPLEMENTED},
        {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_NOT_IMPLEMENTED},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", HTTP_BAD_VERSION},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_BAD_VERSION},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n", HTTP_OK},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", HTTP_BODY_TOO_LARGE},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
         HTTP_BODY_TOO_LARGE},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4294967296\r\n\r\n", HTTP_BODY_TOO_LARGE},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
         HTTP_BAD_REQUEST},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP_OK},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_NOT_IMPLEMENTED},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
         HTTP_BAD_REQUEST},
    };
    struct http_request r;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum http_status got = parse(rows[i].text, strlen(rows[i].text), &r);
        if (got != rows[i].want)
            print_error("%s\n", rows[i].text);
        assert_int_equal(got, rows[i].want);
    }
}

static void the_connection_stays_open_as_agreed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool stays;
    } rows[] = {
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nconnection: Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x ,\tclose\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
    };
    struct http_request r;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &r), HTTP_OK);
        assert_int_equal(r.keep_alive, rows[i].stays);
    }
}

static void no_path_leads_out(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path; /* NULL: refused */
    } rows[] = {
        {"/", "/"},
        {"/?q", "/"},
        {"/a#b", "/a"},
        {"/a/b/", "/a/b/"},
        {"//a///b", "/a/b"},
        {"/a/./b/.", "/a/b/"},
        {"/a/../b", "/b"},
        {"/a/b/..", "/a/"},
        {"/a/b/../..", "/"},
        {"/a/..b/.c", "/a/..b/.c"},
        {"/%2e%2e", NULL},
        {"/..", NULL},
        {"/../etc", NULL},
        {"/a/../../b", NULL},
        {"/a/%2e%2e/%2E%2E/b", NULL},
        {"/a%2f..%2f..%2fb", NULL},
        {"/a%2fb", "/a/b"},
        {"/a%20b%C3%A4", "/a b\xc3\xa4"},
        {"/%00", NULL},
        {"/%0a", NULL},
        {"/%7f", NULL},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%4g", NULL},
        {"/%%41", NULL},
        {"http://host", "/"},
        {"HTTP://host/x/../y", "/y"},
        {"http://host?x", "/"},
        {"http://", "/"},
        {"http:/x", NULL},
        {"", NULL},
        {"x", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[HTTP_PATH_MAX];
        enum http_status got = http_path(rows[i].target, strlen(rows[i].target), path);
        if ((got == HTTP_OK) != (rows[i].path != NULL))
            print_error("%s\n", rows[i].target);
        assert_int_equal(got, rows[i].path ? HTTP_OK : HTTP_BAD_REQUEST);
        if (rows[i].path)
            assert_string_equal(path, rows[i].path);
    }
}

static void the_systems_files_are_hidden(void **state)
{
    (void)state;
    assert_true(http_is_hidden("/.exo4"));
    assert_true(http_is_hidden("/.exo4/sigma0.elf"));
    assert_false(http_is_hidden("/.exo4x"));
    assert_false(http_is_hidden("/a/.exo4"));
    assert_false(http_is_hidden("/"));
}

static void lengths_are_limited(void **state)
{
    (void)state;
    char *text = malloc(HTTP_HEAD_MAX + 100);
    struct http_request r;

    memset(text, 'a', HTTP_HEAD_MAX + 100);
    memcpy(text, "GET /", 5);
    assert_int_equal(parse(text, HTTP_HEAD_MAX - 1, &r), HTTP_MORE);
    assert_int_equal(parse(text, HTTP_HEAD_MAX, &r), HTTP_TARGET_TOO_LONG);

    const char *end = " HTTP/1.0\r\n\r\n";
    memcpy(text + 4 + HTTP_PATH_MAX - 1, end, strlen(end));
    assert_int_equal(parse(text, 4 + HTTP_PATH_MAX - 1 + strlen(end), &r), HTTP_OK);
    assert_int_equal(strlen(r.path), HTTP_PATH_MAX - 1);
    memset(text + 5, 'a', 4000);
    memcpy(text + 4 + HTTP_PATH_MAX, end, strlen(end));
    assert_int_equal(parse(text, 4 + HTTP_PATH_MAX + strlen(end), &r), HTTP_TARGET_TOO_LONG);

    const char *begin = "GET / HTTP/1.1\r\nHost: ";
    memset(text, 'a', HTTP_HEAD_MAX + 100);
    memcpy(text, begin, strlen(begin));
    assert_int_equal(parse(text, HTTP_HEAD_MAX - 1, &r), HTTP_MORE);
    assert_int_equal(parse(text, HTTP_HEAD_MAX, &r), HTTP_HEAD_TOO_LARGE);
    free(text);
}

/* Bytes at random, seeded with pieces of requests: no status is wrong, but every one is a status,
 * the path keeps its promises, and nothing outside is read. */
static void rubbish_is_survived(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "GET ",         "HEAD ", "/",     "..", "%2e",  "%",           " HTTP/1.1",
        "\r\n",         "\n",    "Host:", "a",  "?",    "http://",     "Content-Length: ",
        "4294967295",   ",",     "close", "\t", "\x80", "Connection:", " HTTP/1.0\r\n\r\n",
        " HTTP/1.0\n\n"};
    const size_t count = sizeof pieces / sizeof pieces[0];
    struct http_request r;
    unsigned good = 0;

    srand(4);
    for (unsigned run = 0; run < 100000; run++) {
        char text[400] = "GET /";
        size_t used = (size_t)(rand() % 6);
        for (int i = rand() % 12; i >= 0; i--) {
            const char *p = pieces[(size_t)rand() % count];
            memcpy(text + used, p, strlen(p));
            used += strlen(p);
            if (rand() % 8 == 0)
                text[used++] = (char)rand();
        }
        enum http_status s = parse(text, used, &r);
        assert_true(s == HTTP_MORE || *http_reason(s));
        if (s == HTTP_OK) {
            good++;
            assert_int_equal(r.path[0], '/');
            assert_null(strstr(r.path, "//"));
            assert_null(strstr(r.path, "/../"));
            assert_true(r.head_size <= used);
        }
    }
    assert_true(good > 10);
}

static void endings_name_media_types(void **state)
{
    (void)state;
    assert_string_equal(http_media_type("/a.b/c.HTML"), "text/html; charset=utf-8");
    assert_string_equal(http_media_type("/x.png"), "image/png");
    assert_string_equal(http_media_type("/a.png/x"), "application/octet-stream");
    assert_string_equal(http_media_type("/x."), "application/octet-stream");
    assert_string_equal(http_media_type("/"), "application/octet-stream");
}

static void text_is_escaped_and_counted(void **state)
{
    (void)state;
    char room[64];
    struct http_text t = {room, sizeof room, 0};

    http_put_html(&t, "<a&\"'>\0x", 9);
    http_put_url(&t, "/a b%\xc3");
    http_put_number(&t, 0);
    http_put_number(&t, 18446744073709551615u);
    http_put_hex(&t, 0x2f);
    assert_false(http_text_is_cut(&t));
    assert_int_equal(t.used, 62);
    assert_memory_equal(room, "&lt;a&amp;&quot;&#39;&gt;/a%20b%25%c3018446744073709551615", 58);

    struct http_text small = {room, 3, 0};
    http_put(&small, "abcdef");
    assert_true(http_text_is_cut(&small));
    assert_int_equal(small.used, 6);
    assert_memory_equal(room, "abc;a", 5);
}

static void dates_are_right(void **state)
{
    (void)state;
    static const struct {
        uint64_t seconds;
        const char *want;
    } rows[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char room[32] = {0};
        struct http_text t = {room, sizeof room, 0};
        http_put_date(&t, rows[i].seconds);
        assert_string_equal(room, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_understood),
        cmocka_unit_test(every_beginning_of_a_request_asks_for_more),
        cmocka_unit_test(requests_get_the_status_they_deserve),
        cmocka_unit_test(the_connection_stays_open_as_agreed),
        cmocka_unit_test(no_path_leads_out),
        cmocka_unit_test(the_systems_files_are_hidden),
        cmocka_unit_test(lengths_are_limited),
        cmocka_unit_test(rubbish_is_survived),
        cmocka_unit_test(endings_name_media_types),
        cmocka_unit_test(text_is_escaped_and_counted),
        cmocka_unit_test(dates_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
