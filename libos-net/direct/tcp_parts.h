/* What the sources of tcp.h know of each other. */
#pragma once

#include "libos-net/direct/tcp.h"

/* A packet as it came, checked. */
struct segment {
    const struct tcp_head *head;
    const uint8_t *bytes;
    uint32_t count;
    uint32_t sequence, acknowledged;
    uint32_t window;
    uint8_t flags;
};

/* tcp.c */
struct tcp_connection *direct_connection(const struct tcp *t, const struct tcp_head *h);
struct tcp_connection *direct_open(struct tcp *t, const struct segment *s, uint16_t segment);
void direct_drop(struct tcp *t, struct tcp_connection *c);
void direct_forget_answer(struct tcp_connection *c);
void direct_set_due(struct tcp *t, struct tcp_connection *c);
void direct_set_timer(struct tcp *t, struct tcp_connection *c);
void direct_buffer_free(struct tcp *t, struct tcp_connection *c);
static inline uint32_t direct_room(const struct tcp_connection *c)
{
    return TCP_WINDOW - (c->buffer ? c->buffer->count : 0);
}

/* tcp_out.c */
void direct_output(struct tcp *t, struct tcp_connection *c);
bool direct_send_bare(struct tcp *t, struct tcp_connection *c, uint32_t sequence, uint8_t flags);
uint32_t direct_send_at(struct tcp *t, struct tcp_connection *c, uint32_t sequence, uint32_t room);
void direct_again(struct tcp *t, struct tcp_connection *c);
void direct_send_reset(struct tcp *t, const struct segment *s);
void direct_send_cookie(struct tcp *t, const struct segment *s, uint32_t sequence);

/* cookie.c */
uint32_t cookie_make(const struct tcp *t, const struct segment *s, uint16_t segment);

/* What the peer takes in a segment, or 0: it is no cookie of ours, or an old one. */
uint16_t cookie_read(const struct tcp *t, const struct segment *s);
