/*
 * A TCP that only serves (RFC 9293): it listens on one port, and sends documents as packets of the
 * cache. Pure logic over an outlet: no clock, no kernel.
 *
 * A peer is nobody until it has shown that it gets what is sent to its address (SYN cookies). What
 * comes in order is handed on where it lies; what is ahead is dropped, and comes again; what is not
 * a whole request waits in a buffer. Sent is only what documents have: what is lost is sent again
 * from there.
 *
 * Time is in milliseconds, wraps, and is the caller's to tell.
 *
 * Invariants of a connection:
 *   T1 una, next, top, end follow each other, and so do the answers, from una's to end
 *   T2 it has a buffer if and only if bytes of requests wait in it
 *   T3 it is on the list of those that are due if and only if it says so
 */
#pragma once

#include "libos-net/direct/cache.h"
#include "libos-net/direct/outlet.h"

#define TCP_CONNECTIONS  512u
#define TCP_ANSWERS      8u  /* of one connection that have not arrived                     */
#define TCP_BUFFERS      64u /* for requests that are not whole                            */
#define TCP_WINDOW       HTTP_HEAD_MAX
#define TCP_TICK         50u    /* milliseconds between looks at timers                      */
#define TCP_READ_TIME    15000u /* for a request to arrive, or a next one to begin           */
#define TCP_SEND_TIME    30000u /* without an acknowledgement of anything                    */
#define TCP_WAIT_TIME    10000u /* that an ended connection is remembered                    */
#define TCP_RETRY_FIRST  1000u
#define TCP_RETRY_LEAST  200u
#define TCP_RETRY_MOST   16000u
#define TCP_FIRST_WINDOW (10u * SEGMENT_MOST) /* RFC 6928 */

struct answer {
    struct document *document;
    struct front *front; /* NULL: it is sent by copies                           */
    uint64_t second;     /* the date that it tells, if it has no front           */
    uint32_t begin;      /* sequence number of its first byte                    */
    uint32_t bytes;      /* with its head                                        */
    uint16_t head_bytes;
    enum ending ending;
};

struct tcp_buffer {
    struct tcp_buffer *next;
    uint32_t count;
    uint8_t bytes[TCP_WINDOW];
};

enum tcp_state { TCP_FREE, TCP_OPEN, TCP_WAITING };

struct tcp_connection {
    struct tcp_connection *next; /* with the same hash, or free          */
    struct tcp_connection *next_due;
    struct tcp_buffer *buffer; /* NULL: nothing waits                  */
    struct tcp_head head;      /* of its packets, where they are alike */
    uint32_t head_sum, ip_sum; /* of what is alike                     */
    enum tcp_state state;
    uint32_t una, next_out, top, end; /* acknowledged, to be sent, sent once, and of all answers  */
    uint32_t in;                      /* expected next                                            */
    uint32_t window, window_in;       /* of the peer, and when it said so: its sequence number    */
    uint32_t congestion, threshold, recover;
    uint32_t skip;                    /* bytes of a request's body to be dropped                  */
    uint32_t deadline, progress;      /* of the timer; when anything was acknowledged             */
    uint32_t retry, smoothed, varied; /* RFC 6298; smoothed is 0 at first                         */
    uint32_t timed, timed_at;         /* the sequence number whose arrival is timed               */
    uint16_t segment;                 /* most that the peer takes                                 */
    uint8_t repeats;                  /* acknowledgements that say nothing new                    */
    uint8_t tries;                    /* times that the timer has run out in vain                 */
    uint8_t first, count;             /* of the answers                                           */
    bool is_due, owes, recovering, times;
    bool closing; /* no further requests: the end comes after the last answer */
    bool heard_end, sent_end;
    struct answer answers[TCP_ANSWERS];
};

struct tcp_figures {
    uint64_t accepted, refused, turned_out, answered, bad_sums, again, copies, twins, challenges;
    uint32_t open;
};

struct tcp {
    struct outlet *outlet;
    struct cache *cache;
    uint8_t mac[6];
    uint16_t port;
    uint32_t address;   /* as on the wire */
    uint64_t secret[2]; /* of cookies */
    uint32_t now, last_tick, challenges_left;
    uint64_t second; /* since 1970 */
    struct tcp_connection *due, *free;
    struct tcp_buffer *free_buffers;
    struct tcp_figures figures;
    struct tcp_connection *buckets[TCP_CONNECTIONS];
    struct tcp_connection connections[TCP_CONNECTIONS];
    struct tcp_buffer buffers[TCP_BUFFERS];
};

struct tcp_config {
    struct outlet *outlet;
    struct cache *cache;
    uint32_t address; /* as a number: 10.0.2.15 is 0x0a00020f */
    uint16_t port;
    uint64_t secret[2]; /* that nobody can guess */
};

void direct_begin(struct tcp *t, const struct tcp_config *config);

/* What time it is, before packets are handed over. */
static inline void direct_now(struct tcp *t, uint32_t now, uint64_t second)
{
    t->now = now;
    t->second = second;
}

/* The packet that the outlet's link received last, which is for this port if it is TCP. */
void direct_receive(struct tcp *t, const uint8_t *packet, uint32_t length);

/* Sends what is still owed, runs timers that are due. False: something waits for the outlet. */
bool direct_turn(struct tcp *t);

/* Milliseconds until a timer may be due; UINT32_MAX: there is none. */
uint32_t direct_pause(const struct tcp *t);

/* Reads requests: defined by who serves (direct/requests.c). Takes as many whole ones as there is
 * room for answers, and returns their bytes. */
uint32_t direct_read(struct tcp *t, struct tcp_connection *c, const uint8_t *bytes, uint32_t count);

/* An answer behind the others. Pre: c->count < TCP_ANSWERS, !c->closing. `body`: with the
 * document's bytes. */
void direct_answer(struct tcp *t, struct tcp_connection *c, struct document *d, enum ending ending,
                   bool body);

const char *direct_check(const struct tcp *t);
