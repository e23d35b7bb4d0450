/*
 * A program in another space that makes the IPC that a test tells it to make, and tells what came
 * of it; and that looks at what it has. By L4 messages, from and to the thread that started it.
 */
#pragma once

#include <l4/ipc.h>
#include <l4/schedule.h>

#include "libos/spawn.h"

#define ACTOR_ROLE  "actor" /* what main() is given: it calls actor_run() */
#define ACTOR_WORDS 8u
#define ACTOR_NONE  (~(L4_Word_t)0) /* nothing is at the address */

struct actor {
    struct spawn_child child;
    L4_ThreadId_t id;
};

/* One IPC. Only its first words are told here and there. */
struct deed {
    L4_ThreadId_t to, from, virtual; /* nil: without propagation */
    L4_Word_t timeouts, acceptor;
    L4_MsgTag_t tag;
    L4_Word_t words[ACTOR_WORDS];
};

struct outcome {
    L4_MsgTag_t tag;
    L4_ThreadId_t from, actual, intended;
    L4_Word_t error;
    L4_Word_t words[ACTOR_WORDS];
};

enum actor_question {
    ACTOR_DEED,     /* not for actor_ask()                                             */
    ACTOR_UNMAP,    /* an fpage, flags: what Unmap gives back                          */
    ACTOR_PEEK,     /* an address: the word there, or ACTOR_NONE                       */
    ACTOR_PORTS,    /* a port, how many: a bit for each that can be read               */
    ACTOR_MATE,     /* starts a thread that answers what comes: its ID                 */
    ACTOR_SCHEDULE, /* a thread, a priority: Schedule's error, or 0                    */
    ACTOR_EXCHANGE, /* a thread, a handle for it: ExchangeRegisters' error, or 0       */
    ACTOR_LEND      /* lends its memory for the tables of what is mapped to it         */
};

/* The program's life. */
_Noreturn void actor_run(void);

/* Starts one on `cpu`. */
bool actor_start(struct actor *a, const char *program, uint32_t cpu);
void actor_end(struct actor *a);

/* Tells it to begin; waits, at most five seconds, until it is done. */
void actor_begin(const struct actor *a, const struct deed *d);
bool actor_done(const struct actor *a, struct outcome *o);

/* Both. */
bool actor_does(const struct actor *a, const struct deed *d, struct outcome *o);

L4_Word_t actor_ask(const struct actor *a, enum actor_question question, L4_Word_t x, L4_Word_t y);
