/*
 * Writing text into memory of limited size: numbers, HTML, URLs, dates. Text that does not fit is
 * counted all the same, so that a first pass without room says how much a second one needs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_text {
    char *at;    /* may be NULL when room is 0      */
    size_t room; /* bytes                           */
    size_t used; /* bytes that the text has so far; above `room`: it was cut */
};

static inline bool http_text_is_cut(const struct http_text *t)
{
    return t->used > t->room;
}

void http_put(struct http_text *t, const char *s);
void http_put_number(struct http_text *t, uint64_t value);
void http_put_hex(struct http_text *t, uint64_t value); /* 0x... */

/* `count` bytes of `s`, or fewer when a NUL comes first, as text in HTML and in its attributes. */
void http_put_html(struct http_text *t, const char *s, size_t count);

/* A path as part of a URL: what is not safe there becomes %XX; '/' stays. */
void http_put_url(struct http_text *t, const char *path);

/* A moment as RFC 9110 writes it; `seconds` since 1970. */
void http_put_date(struct http_text *t, uint64_t seconds);
