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
struct tcp_connection *tcp_find(const struct tcp *t, const struct tcp_head *h);
struct tcp_connection *tcp_open(struct tcp *t, const struct segment *s, uint16_t segment);
void tcp_drop(struct tcp *t, struct tcp_connection *c);
void tcp_forget_answer(struct tcp_connection *c);
void tcp_set_due(struct tcp *t, struct tcp_connection *c);
void tcp_set_timer(struct tcp *t, struct tcp_connection *c);
void tcp_buffer_free(struct tcp *t, struct tcp_connection *c);
static inline uint32_t tcp_room(const struct tcp_connection *c)
{
    return TCP_WINDOW - (c->buffer ? c->buffer->count : 0);
}

/* tcp_out.c */
void tcp_output(struct tcp *t, struct tcp_connection *c);
bool tcp_send_bare(struct tcp *t, struct tcp_connection *c, uint32_t sequence, uint8_t flags);
uint32_t tcp_send_at(struct tcp *t, struct tcp_connection *c, uint32_t sequence, uint32_t room);
void tcp_again(struct tcp *t, struct tcp_connection *c);
void tcp_send_reset(struct tcp *t, const struct segment *s);
void tcp_send_cookie(struct tcp *t, const struct segment *s, uint32_t sequence);

/* cookie.c */
uint32_t cookie_make(const struct tcp *t, const struct segment *s, uint16_t segment);

/* What the peer takes in a segment, or 0: it is no cookie of ours, or an old one. */
uint16_t cookie_read(const struct tcp *t, const struct segment *s);
