/*
 * The keeper of a family: an environment that runs no program, has the memory of all, makes and
 * ends their environments on request, and is told when one ends without asking.
 */
#pragma once

#include "exo/abi/error.h"
#include "libos-posix/family/family.h"

#pragma GCC visibility push(hidden)

/* What the keeper does besides; each may be NULL. None may wait for a member. */
struct keeper_work {
    /* After each message: what is due. The keeper looks again when the time-stamp counter is at
     * *deadline (FOREVER at first). True: the family has ended, and so does keeper_run(). */
    bool (*step)(word_t bits, uint64_t *deadline);
    /* A process ended that did not ask to; `core` is the struct task of one of its threads, and its
     * memory is gone already. A sentence: why the family cannot go on. */
    const char *(*lost)(vaddr_t core);
};

/* Makes the pool of what is free, but for an eighth, and of `most` frames at most; and the records.
 * Pre: libos_setup(). NO_MEM: less than 4 MiB are free. */
enum err keeper_begin(uint32_t most);

/* Makes the arena longer: [va, va + bytes), which begins where it ends. NO_MEM. */
enum err keeper_extend(vaddr_t va, uint64_t bytes);

/* Shows frames to all processes that are made from now on, at an address that is chosen. NO_MEM;
 * errors of page_bind. */
enum err keeper_show(slot_t frames, pfn_t first, uint32_t count, rights_t rights, vaddr_t *va);

/* Makes the first process: a copy of this program's image as it is now, whose thread runs
 * run(argument) as the task `core` (struct task). NO_MEM. */
enum err keeper_first(void (*run)(void *), void *argument, vaddr_t core);

/* Before there is a process: waits for a packet, up to `deadline` (time-stamp counter). */
void keeper_pause(uint64_t deadline);

/* Serves the family until work->step says that it has ended. NULL, or why it could not go on. */
const char *keeper_run(const struct keeper_work *work);

/* What it is woken by: bits KEEPER_*. */
slot_t keeper_notification(void);

/* Raises a task's bit. */
void keeper_wake(uint32_t task, word_t bits);

/* Ends what is left: the processes, the pool and the records. */
void keeper_end(void);
#pragma GCC visibility pop
