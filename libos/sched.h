/*
 * Schedulers of a library OS: who of several runs next. Three policies behind one interface, for
 * whatever can be run: threads by directed yield (libos/dispatch.h), user threads
 * (libos/uthread.h). Time is in any unit that the caller keeps to. No calls to the kernel, so that
 * they run anywhere.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

#define SCHED_TICKETS_MAX 10000u

/* Somebody to be run. */
struct sched_entity {
    uint32_t tickets;        /* stride, lottery: its share; 1 to SCHED_TICKETS_MAX            */
    uint64_t period, budget; /* EDF: `budget` of time in each `period`                        */
    bool ready;              /* changed by sched_set_ready()                                  */

    /* Kept by the scheduler; for reading. */
    uint64_t used;     /* time charged                                                        */
    uint64_t pass;     /* stride                                                              */
    uint64_t deadline; /* EDF: end of its period                                              */
    uint64_t left;     /* EDF: of its budget                                                  */
    uint64_t misses;   /* EDF: periods at whose end a ready one had not had its budget        */
    struct sched_entity *next;
};

struct scheduler {
    /* Is there room for it, by this policy? OK, or the error of sched_add(). */
    enum err (*admit)(struct scheduler *s, struct sched_entity *e, uint64_t now);
    /* Who shall run now; NULL: nobody is ready. */
    struct sched_entity *(*pick)(struct scheduler *s, uint64_t now);
    /* It has run for so long. */
    void (*charge)(struct scheduler *s, struct sched_entity *e, uint64_t used);
    /* It is ready again after it was not. */
    void (*wake)(struct scheduler *s, struct sched_entity *e, uint64_t now);
    struct sched_entity *first;
    uint64_t pass;   /* stride: of who ran last    */
    uint64_t random; /* lottery: state, never 0    */
};

/* Shares in proportion to the tickets, with an error below one quantum (Waldspurger, Weihl 1995).
 */
void sched_stride(struct scheduler *s);

/* The same on the average of draws (Waldspurger, Weihl, OSDI 1994). The same seed, the same draws.
 */
void sched_lottery(struct scheduler *s, uint64_t seed);

/* Earliest deadline first with budgets: each gets its budget in each period, nobody more, as long
 * as what runs is charged before the next is picked (Liu, Layland 1973). */
void sched_edf(struct scheduler *s);

/* Adds it. BAD_ARG: tickets, or period and budget, are out of range. IN_USE: EDF: the time is
 * promised to others. */
enum err sched_add(struct scheduler *s, struct sched_entity *e, uint64_t now);
void sched_remove(struct scheduler *s, struct sched_entity *e);

void sched_set_ready(struct scheduler *s, struct sched_entity *e, bool ready, uint64_t now);
void sched_charge(struct scheduler *s, struct sched_entity *e, uint64_t used);

/* For the policies: are its tickets in range? */
enum err sched_check_tickets(const struct sched_entity *e);
