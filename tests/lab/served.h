/* Turns of a server of packets whose client is behind another card on the same wire, counted
 * (served.c). */
#pragma once

#include "libos-net/card.h"
#include "libos-net/link.h"
#include "tests/lab/lab.h"

#define SERVED_PATIENCE 10000000u
#define SERVED_QUIET    20000u /* looks, until nothing more is expected */

struct served {
    const char *name;
    struct card *client;
    struct link *link;                       /* NULL: of a program that serves by itself */
    const volatile struct ring_header *ring; /* NULL: a card of its own, `card` */
    const struct card *card;                 /* NULL, too: a program that serves by itself */
    void (*serve)(void);
    const volatile uint32_t *handled; /* NULL: no packet handler answers */
    bool (*flush)(struct link *l);    /* the link's own */
    uint64_t kicks;                   /* instructions of the kernel's calls */
    uint64_t entries;                 /* while a card of its own was served */
};

/* What is measured from now on. It is for the whole run: a ring's link is changed by it. */
void served_use(const struct served *what);

/* Has the client's bell rung; the server gets what there is, and answers. Returns the instructions
 * of both sides of the kernel's border, and adds those of the server to *user. */
uint64_t served_turn(uint64_t *user);

/* The same, not counted, for what answers at a time of its own. */
void served_turn_quietly(void);

/* The kernel's counters, where a round begins, and a round of series: on a card of its own the
 * entries are those of the server's turns alone. */
struct lab_sample served_begin(void);
void served_keep(struct lab_series *s, uint32_t round, uint64_t ticks, struct lab_sample before);
