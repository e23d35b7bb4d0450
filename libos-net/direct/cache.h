/*
 * Documents as packets: each is cut once, and lies in an outlet's arena ready to be sent but for 54
 * bytes of headers. Documents that nobody is being sent make room for others, the one not asked for
 * the longest first. One that finds no room, or does not fit, is sent by copies from where it is.
 *
 * Invariants:
 *   C1 a place of the arena belongs to one document, or to none
 *   C2 a document that has users is not forgotten, nor one whose packets the link still reads
 *   C3 a front with users keeps its contents
 */
#pragma once

#include "libos-net/direct/packet.h"
#include "libos-net/examples/http_parse.h"

#define CACHE_DOCUMENTS 256u
#define CACHE_PATH      256u  /* bytes of a path, with its NUL                         */
#define CACHE_PLACE     1536u /* bytes of the arena: what may change, heads, contents  */
#define CACHE_PLACES    4096u /* at most                                               */
#define CACHE_HEAD      1200u /* bytes of an answer's head, with the longest Location  */
#define CACHE_FRONTS    2u

/* A packet that lies ready. */
struct packet {
    uint32_t at;    /* offset of its Ethernet header in the arena */
    uint32_t busy;  /* times that the link is to read it yet      */
    uint16_t bytes; /* of contents                               */
    uint16_t sum;   /* of them                                   */
};

/* A first packet: the answer's head, and as much of the document as fits. */
struct front {
    struct packet *packet;
    uint64_t second; /* the date that it tells */
    uint32_t users;  /* answers that begin with it and have not arrived */
};

/* The head of an answer says how it ends. */
enum ending { ENDS_NOT, ENDS_AFTER };

struct document {
    struct document *next; /* with the same hash of the path        */
    const uint8_t *bytes;
    uint32_t count;
    enum http_status status;
    const char *type;
    struct front fronts[CACHE_FRONTS];
    struct packet *rest; /* after the front; NULL: it has no packets */
    uint32_t places;     /* that it has                            */
    uint16_t head_bytes; /* of an answer that leaves the connection open: dates are all as long */
    uint8_t front;       /* the one taken last                     */
    uint32_t users;      /* answers that have not arrived          */
    uint64_t asked;      /* when it was asked for last: a count    */
    char path[CACHE_PATH];
};

struct cache {
    uint8_t *arena;
    uint32_t place_count, next_free;
    uint64_t asked;
    uint32_t forgotten; /* times that documents made room: what was known of them is of no use */
    struct document *buckets[CACHE_DOCUMENTS];
    struct document documents[CACHE_DOCUMENTS];
    struct packet packets[CACHE_PLACES];
    uint16_t owner[CACHE_PLACES]; /* document's number and 1, or 0 */
};

/* What a path leads to: defined by the program, as http_find() is for lwIP's server. HTTP_OK: *out
 * is filled, and its bytes stay as they are; HTTP_MOVED: it is a directory and lacks its '/'; or
 * another status. */
struct source {
    const uint8_t *bytes;
    uint32_t count;
    const char *type;
};
enum http_status direct_find(const char *path, struct source *out);

void cache_begin(struct cache *c, uint8_t *arena, uint32_t bytes);

/* The document for a path, which is known or found, or the one that says why there is none. NULL:
 * all are in use. */
struct document *cache_find(struct cache *c, const char *path);

/* What says `status`, and nothing else. */
struct document *cache_status(struct cache *c, enum http_status status);

/* The front for answers at a second, or an older one that is still in use; one more user. NULL: it
 * has no packets. */
struct front *cache_front(struct cache *c, struct document *d, uint64_t second);

/* Writes the head of an answer. Returns its bytes, the same for each second. */
uint16_t cache_head(const struct document *d, enum ending ending, uint64_t second,
                    char to[CACHE_HEAD]);

/* The packet of an answer with that front, whose contents begin at offset `at` of the answer. NULL:
 * none begins there. */
static inline struct packet *cache_packet(const struct document *d, struct front *f, uint32_t at)
{
    uint32_t behind = at - f->packet->bytes;

    if (at == 0)
        return f->packet;
    return at < f->packet->bytes || behind % SEGMENT_MOST ? NULL : d->rest + behind / SEGMENT_MOST;
}

/* Names the invariant that is broken; NULL: none. */
const char *cache_check(const struct cache *c);
