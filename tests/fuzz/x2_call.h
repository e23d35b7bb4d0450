/*
 * Random calls of L4 X.2, well formed: each register, message register, buffer register and thread
 * control register that a call reads has a value that may stand there, and often one that means
 * something in the world that is described. Who plays them puts them in place and makes the call;
 * the same ones are played on the host and in the guest.
 */
#pragma once

#include "exo/abi/kip.h"
#include "exo/abi/utcb.h"

#define X2_PLAYERS 4u
#define X2_NEW     6u /* threads that the players may make          */
#define X2_PAGES   8u /* of an address space, at each of two places */
#define X2_FAR     ((vaddr_t)1 << 21)
#define X2_LARGE   ((vaddr_t)1 << 23) /* two large pages from there on                    */
#define X2_SLOTS   8u                 /* capabilities of endpoints and notifications      */
#define X2_TOLD    4u
#define X2_WORDS   (MR_COUNT + BR_COUNT + 8)

/* What calls are about. */
struct x2_world {
    unsigned cpus;
    uint32_t priorities;       /* threads get less than that                            */
    bool whole;                /* the complete space is an fpage, too                   */
    word_t global[X2_PLAYERS]; /* IDs of the players                                    */
    word_t local[X2_PLAYERS];
    uint32_t first_new;     /* numbers of the threads that they make                 */
    vaddr_t pages;          /* fpages are of what is here, X2_FAR further, and X2_LARGE       */
    vaddr_t kip, utcbs;     /* areas of the spaces that they make: one page, sixteen */
    vaddr_t code, code_end; /* where a thread may be sent to                         */
    vaddr_t stack;
    uint32_t lines;       /* of interrupts                                          */
    slot_t slots;         /* the first of what may be endpoints and notifications   */
    uint32_t port, ports; /* I/O ports that calls are about                         */
    word_t told[X2_TOLD]; /* names that only who is told them knows: for replies    */
    unsigned next_told;
    word_t waits; /* by that name somebody waits for the caller's message, or nil   */
};

/* A call: its registers, and words of the UTCB, counted from MR0, that are to be there. */
struct x2_call {
    unsigned link; /* enum kip_link */
    struct x2_regs {
        word_t rax, rbx, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
    } reg;
    unsigned count;
    struct {
        int at;
        word_t value;
    } words[X2_WORDS];
};

/* Fills `*c` by chance. */
void x2_choose(struct x2_call *c, const struct x2_world *w);

/* A page that calls are about. */
vaddr_t x2_page(const struct x2_world *w);

/* An IPC told its caller that name. */
void x2_told(struct x2_world *w, word_t name);
