/*
 * Measuring operations in guest instructions. Under QEMU's `-icount shift=0` the time-stamp counter
 * advances by one for each instruction, so a round's ticks are a count, not a time.
 *
 * A series is LAB_ROUNDS rounds of one operation after LAB_WARM that are not kept. The round with
 * the median count is the result; with it go the kernel's own counters of that very round. How many
 * rounds had exactly that count is printed too: those that had not met a timer interrupt.
 */
#pragma once

#include "libos/archive.h"
#include "libos/book.h"
#include "libos/spawn.h"

#define LAB_ROUNDS 64u
#define LAB_WARM   16u

struct lab_sample {
    uint64_t ticks, entries, space_switches, tlb_flushes;
};

struct lab_series {
    struct lab_sample rounds[LAB_ROUNDS];
};

/* Stamps of one trip, for operations that end somewhere else than they began: before the
 * operation, at the first instruction over there, at the last one there, and after it. */
struct lab_trip {
    uint64_t before, inside, leaving, after;
};

typedef void (*lab_fn)(void *argument, uint32_t round);

/* The time-stamp counter. The compiler moves nothing across. */
CPU_INLINE uint64_t lab_stamp(void)
{
    __asm__ volatile("" : : : "memory");
    uint64_t now = cpu_ticks();
    __asm__ volatile("" : : : "memory");
    return now;
}

/* The kernel's counters of the CPU that all of this runs on. */
struct lab_sample lab_counters(void);

CPU_INLINE void lab_keep(struct lab_series *s, uint32_t round, uint64_t ticks,
                         struct lab_sample before)
{
    struct lab_sample now = lab_counters();

    if (round < LAB_WARM)
        return;
    s->rounds[round - LAB_WARM] = (struct lab_sample){
        .ticks = ticks,
        .entries = now.entries - before.entries,
        .space_switches = now.space_switches - before.space_switches,
        .tlb_flushes = now.tlb_flushes - before.tlb_flushes,
    };
}

/* Whose packet it is, with one filter and with many; in a machine with a card (keys.c). First those
 * with programs: one, for `port`, and then 999 more, for others. */
struct rig;
void lab_programs_begin(const struct rig *r, uint16_t port);
void lab_programs_many(void);
void lab_keys(struct rig *r, uint64_t empty);

/* Fills a series with rounds of `operation`, which is compiled into the loop, so that nothing but
 * it lies between the stamps. `prepare` runs before each round, uncounted; NULL: nothing to do. */
CPU_INLINE void lab_measure(struct lab_series *s, lab_fn prepare, lab_fn operation, void *argument)
{
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        if (prepare)
            prepare(argument, i);
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        operation(argument, i);
        lab_keep(s, i, lab_stamp() - begin, before);
    }
}

/* The longest time from one look at the counter to the next until it is over, and a bit beyond.
 * Each look costs the same, so that was when it was interrupted, if it was. */
CPU_INLINE uint64_t lab_longest_look(bool (*is_over)(const void *argument), const void *argument)
{
    uint64_t last = lab_stamp(), longest = 0;

    for (uint32_t left = 3; left; left -= is_over(argument)) {
        const uint64_t now = lab_stamp(), gone = now - last;
        longest = gone > longest ? gone : longest;
        last = now;
    }
    return longest;
}

/* Prints the result of a series, in each round of which `per` operations were stamped, and
 * `counted` met by the kernel's counters. `empty` is what a round without the operation counts. */
void lab_report(const char *key, struct lab_series *s, uint64_t empty, uint32_t per,
                uint32_t counted);

/* The same of a series that has only so many rounds. */
void lab_report_some(const char *key, struct lab_series *s, uint32_t rounds, uint64_t empty,
                     uint32_t per, uint32_t counted);

/* The median of a series that is to be taken off from another. */
uint64_t lab_median(struct lab_series *s);

/* What the kernel counts of the first ring there is, COUNT_*; the packets that its handler has
 * answered or consumed. */
const volatile uint32_t *lab_ring_count(uint32_t which);
const volatile uint32_t *lab_handled(void);

/* What an empty round counts: the price of the stamps, here and in x86_64/probe.S. */
uint64_t lab_empty(void);
uint64_t lab_empty_probe(void);

/* Says on both ports what went wrong in which experiment, and ends the machine. */
_Noreturn void lab_fail(const char *key, enum err e);

/* Starts this program once more, in a space of its own, to play `role` (partner.c). It waits for
 * the first operation when this returns. */
void lab_partner(const struct archive *a, const char *role, struct spawn_child *child);

/* Plays a role for ever. Returns when there is no such role. */
void lab_play(const char *role);

/* Partners of IPC, in this space or another: answers by closed IPC, or as a server that waits for
 * anybody. */
_Noreturn void lab_echo_closed(uint64_t client);
_Noreturn void lab_echo_server(void);

/* A partner that has the slices: gives each to a thread of the lab's, by stride among three. */
_Noreturn void lab_dispatch(slot_t thread);

/* A message of one string of LAB_STRING bytes, and a buffer for one, all of whose pages are there.
 */
#define LAB_STRING 4096u
void lab_load_string(void);
void lab_accept_string(void);

/* Where a partner finds its pipes. */
#define LAB_SLOT_IN  SLOT_FREE
#define LAB_SLOT_OUT (SLOT_FREE + 3)

/* The experiments, by file. */
void lab_calls(const struct archive *a);    /* calls.c */
void lab_pages(const struct archive *a);    /* pages.c */
void lab_upcalls(const struct archive *a);  /* upcalls.c */
void lab_ipc(const struct archive *a);      /* ipc.c */
void lab_policies(const struct archive *a); /* policies.c */
void lab_line(const struct archive *a);     /* line.c */
void lab_moments(const struct archive *a);  /* moments.c */
void lab_slices(const struct archive *a);   /* slices.c */
void lab_grafts(const struct archive *a);   /* grafts.c */
void lab_transfer(const struct archive *a); /* transfer.c */
void lab_vm(const struct archive *a);       /* vm.c */
void lab_rpc(const struct archive *a);      /* rpc.c */
