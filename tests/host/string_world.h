/* What tests of string items share: a sender p, a receiver q, a pager s, and memory to copy
 * between. */
#pragma once

#include "tests/host/kernel_ipc.h"

#define NEVER     TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define P_FRAMES  40u
#define Q_FRAMES  41u
#define PAGES     48u
#define SOURCE    ((vaddr_t)0x10040000) /* p's pages                            */
#define TARGET    ((vaddr_t)0x10080000) /* q's                                  */
#define P_HOLE    ((vaddr_t)0x10020000) /* pages that are not there, in a table */
#define Q_HOLE    ((vaddr_t)0x10028000)
#define BYTES     (PAGES * PAGE_SIZE)
#define UNTOUCHED 0xee

extern struct party p, q, s;
extern uint8_t *source, *target; /* SOURCE and TARGET as the test sees them */

/* All on one CPU; or the receiver, or the sender, on another. */
int string_set_up(void **state);
int string_set_up_receiver(void **state);
int string_set_up_sender(void **state);
int string_end(void **state);

#define STRING_TEST(f)                                                                             \
    cmocka_unit_test_setup_teardown(f, string_set_up, string_end),                                 \
        {#f ", the receiver elsewhere", f, string_set_up_receiver, string_end, NULL},              \
    {                                                                                              \
#f ", the sender elsewhere", f, string_set_up_sender, string_end, NULL                     \
    }

/* The timer interrupts all CPUs, `ticks` from now. */
void string_pass_time(uint64_t ticks);

/* A pattern at `source`, UNTOUCHED at `target`. */
void fill(void);
void assert_untouched(size_t from, size_t to);

void unbind_page(slot_t env, vaddr_t va);

word_t header(word_t length, unsigned substrings, bool compound);

/* Buffer register i of `t`. */
volatile uint64_t *br(struct thread *t, unsigned i);

/* `t` accepts strings, into the one buffer of `words` words. */
void accept_string(struct thread *t, const word_t *buffer, unsigned words);
void accept_simple(struct thread *t, vaddr_t va, word_t bytes);

/* One untyped word, 0x77, then `words` words of items. */
void load(struct thread *t, const word_t *items, unsigned words);

void wait_for_p(void);
void send_to_q(const word_t *items, unsigned words);
void send_simple(vaddr_t va, word_t bytes);

/* Lets `t`, which is ready, run: it goes on with its transfer. */
void go_on(struct thread *t);

/* The transfer has failed with these for p and q after so many bytes; or it has succeeded. */
void assert_cut(unsigned send_code, unsigned receive_code, word_t bytes);
void assert_done(void);

/* What the tag of a message from `other` to `t` says of their CPUs. */
word_t cross(const struct thread *t, const struct thread *other);

/* Aborts the suspended transfer that `t` has. */
void abort_transfer(struct thread *t);

/* s hears of a fault of `t` at `va`. */
void assert_fault(struct thread *t, vaddr_t va, word_t rwx);

/* s maps its page `page` for `t` at `va`, whom that makes ready; and `t` goes on. What is there. */
void map_page(struct thread *t, vaddr_t va, unsigned page);
void serve(struct thread *t, vaddr_t va, unsigned page);
uint8_t *pagers(unsigned page);

/* Suspends a transfer with 8 bytes of 20 copied, at a page fault of q or of p. */
void suspended(bool of_q);
