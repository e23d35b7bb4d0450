/* Between the keeper's files. */
#pragma once

#include "libos-posix/family/keeper.h"

#pragma GCC visibility push(hidden)

/* What the keeper has of a member. */
struct kept {
    slot_t env;
    uint32_t slots;                    /* of its table of capabilities */
    slot_t threads[FAMILY_BLOCKS_MAX]; /* by block; SLOT_NONE: none */
    uint32_t tasks[FAMILY_BLOCKS_MAX]; /* by block, of threads      */
    word_t kind;                       /* of the fork that it is from (REQUEST_FORK) */
    bool has_core;                     /* its pages of the core's data are bound */
    uint64_t birth, parent;            /* of its process, and of that which it is a copy of: a
                                        * number that no other process has */
};
extern struct kept keeper_kept[MEMBERS_MAX];
extern slot_t keeper_pool; /* CAP_FRAMES */
extern slot_t keeper_ring; /* of the network card (net.c), which every member gets; 0: none */
extern uint32_t keeper_member_end; /* members from here on were never made */

/* The notification of a task, made when it is needed first. SLOT_NONE: no memory. */
slot_t keeper_task_slot(uint32_t task);

/* keeper_make.c: an environment for a fork of `kind` by a task, or the first one if NULL, with
 * nothing but what all members have, and what it has kept: a spare one or new. BAD_STATE: there are
 * member_count. After an error nothing is left. */
enum err keeper_make(const struct family_task *parent, word_t kind, uint32_t *member);

/* A table of level 1 for `va`, shown as the member's next view. OK if it has one. */
enum err keeper_table(uint32_t member, vaddr_t va);

/* A thread in the lowest free block or, if it is not TASK_NONE, in `block`; not running yet. That
 * of a spare member is used again. */
enum err keeper_thread(uint32_t member, vaddr_t core, uint32_t block, uint32_t *task);
enum err keeper_start(uint32_t task, vaddr_t ip, vaddr_t sp, word_t value);
void keeper_thread_end(uint32_t task);

/* Gives a member the capability to wake a task, in a longer table if need be. IN_USE: it has it. */
enum err keeper_give_task(uint32_t member, uint32_t task);

/* The UTCB page of a task, as it is seen here. */
void *keeper_utcb(uint32_t task);

/* Binds one frame of the pool in a member, for good or, with `used`, until the process ends. */
enum err keeper_bind(uint32_t member, vaddr_t va, pfn_t frame, rights_t rights, bool used);

/* Takes all back that a member has. */
void keeper_unmake(uint32_t member);

/* keeper_spare.c: takes a member's memory back. Its environment becomes spare, with the thread of
 * `task` and what that needs, unless it is too large, or there are enough. */
void keeper_retire(uint32_t task);

/* Takes what spare members have kept of memory. False: they had nothing. */
bool keeper_strip(void);

/* Gives back what a member has in table `k`, but for what `keep` says (first address, and pages
 * from there on). What is not of the pool stays. */
void keeper_empty(uint32_t member, uint32_t k, vaddr_t keep);

/* Gives back up to KEEPER_PART pages side by side, of the pool; a page that is hidden. */
#define KEEPER_PART 64u
void keeper_drop(uint32_t m, vaddr_t va, const volatile uint64_t *entry, uint32_t count);
void keeper_drop_hidden(uint32_t m, vaddr_t va, uint64_t entry);

/* keeper_copy.c: gives member `m`, which is new or spare, what the program and the core of
 * `parent` have, but for blocks; if `kind` is not 0, what the core has, unless it has kept its own:
 * what differs in those begins anew with each process (port_renew). */
enum err keeper_copy(uint32_t parent, uint32_t m, word_t kind);

/* keeper_fork.c: `words` as REQUEST_FORK says. */
enum err keeper_fork(uint32_t parent_task, const word_t words[3], uint32_t *task);

/* Where memory of a member is seen here, `bytes` of one page; NULL: nowhere. */
const void *keeper_look(uint32_t member, vaddr_t va, uint64_t bytes);
enum err keeper_text(uint32_t member); /* the image's code and constants */

/* keeper_lost.c: gives frames back that nobody uses and nobody gave. False: it has to be tried
 * again, because somebody is just about to take one. */
bool keeper_sweep(void);
#pragma GCC visibility pop
