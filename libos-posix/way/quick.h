/*
 * Quick calls: those that ask for one number of the process, which ways answer by themselves,
 * without the core's door, its lock and its look at signals. (Who raises a signal for a task
 * interrupts it, and what a task raises for itself is a call with a look at signals.) And of the
 * others, which a way may make by posix_call.
 */
#pragma once

#include "libos-posix/base/arena.h"
#include "libos-posix/way/quick_layout.h"
#include "libos/start/cpu.h"

#define QUICK_NUMBERS ((unsigned)QUICK_COUNT)

#pragma GCC visibility push(hidden)

/* By the call's number: where in struct process the 32-bit answer is; 0: the call is not quick;
 * QUICK_NEVER: nor is it one for posix_call. */
extern const uint16_t quick_offsets[QUICK_NUMBERS];

/* The calling thread acts for the task from now on; NULL: for none. */
void quick_set(const struct task *t);
#pragma GCC visibility pop

_Static_assert(offsetof(struct process, pid) == QUICK_PID &&
                   offsetof(struct process, parent_pid) == QUICK_PARENT &&
                   offsetof(struct process, who.uid) == QUICK_WHO &&
                   offsetof(struct process, who.euid) == QUICK_WHO + 4 &&
                   offsetof(struct process, who.gid) == QUICK_WHO + 12 &&
                   offsetof(struct process, who.egid) == QUICK_WHO + 16,
               "programs count on it");
_Static_assert(GS_QUICK + UTCB_GS + sizeof(word_t) <= PAGE_SIZE, "in the UTCB's page");

/* Who the calling thread acts for; NULL: nobody yet, or calls are written down. */
CPU_INLINE const struct process *quick_process(void)
{
    return (const struct process *)cpu_utcb_word(GS_QUICK + UTCB_GS);
}

/* Pre: `p` is not NULL. */
CPU_INLINE long quick_answer(const struct process *p, uint16_t offset)
{
    return *(const uint32_t *)((const uint8_t *)p + offset);
}
