/*
 * Transfers that cannot be ended at once: suspended at missing pages, after long copies and after
 * many pages mapped (decision 23). The two sides may be at home on different CPUs, and either may
 * go on with the copy.
 *
 * Locking: the forest lock, for everything here; each thread's state is changed at its home.
 */
#pragma once

#include "exo/abi/cap.h"

struct thread;

/* The budget of a step, after which interrupts are taken, and what is taken off it. */
#define TRANSFER_STEP 65536u /* a byte copied: 1                        */
#define TRANSFER_PAGE 128u   /* a page mapped, unmapped or passed over  */
#define TRANSFER_NODE 64u    /* a node looked at while taking back      */

static inline void transfer_charge(uint32_t *budget, uint32_t cost)
{
    *budget -= *budget < cost ? *budget : cost;
}

/* May it be paused? Not while `to` has another suspended: it is mapped a page that it lacks there.
 */
bool transfer_may_pause(const struct thread *from, const struct thread *to);

/* The step is over: the side that runs, else the receiver goes on with the transfer before it next
 * leaves to the user. Returns IPC_LEFT. */
word_t transfer_pause(struct thread *from, struct thread *to);

/* `t`, which is `from` or `to`, lacks the page at `va`: its pager is asked, or the transfer ends.
 * Returns IPC_LEFT. */
word_t transfer_fault(struct thread *from, struct thread *to, struct thread *t, vaddr_t va,
                      rights_t access);

/* The deadline of `t`, of this CPU, in THREAD_IPC_TRANSFER, passed. */
void transfer_timeout(struct thread *t);

/* Ends the suspended transfer of `t`, if there is one, with IPC_ABORTED for both sides, who then
 * can run. */
void transfer_abort(struct thread *t);
