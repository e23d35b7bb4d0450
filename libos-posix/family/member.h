/* A process of a family, seen from inside: who it is, and what it asks of the keeper. */
#pragma once

#include "exo/abi/error.h"
#include "libos-posix/family/family.h"
#include "libos/start/cpu.h"

#pragma GCC visibility push(hidden)

/* Who the calling thread is. The keeper's is there, too, with member TASK_NONE. */
static inline struct family_place *member_place(void)
{
    return (struct family_place *)((vaddr_t)cpu_utcb_mr() - UTCB_MR + FAMILY_PLACE);
}

/* Asks the keeper. Errors of what it does; BAD_STATE: the keeper is gone. `*answer` is the word
 * that the request brings, if it is not NULL. */
enum err member_ask(enum family_request request, const word_t words[3], word_t *answer);
static inline enum err member_request(enum family_request request, word_t first, word_t second)
{
    return member_ask(request, (const word_t[3]){first, second, 0}, NULL);
}

/* Sets up the thread that runs: its upcalls, with faults repaired as space.h says. */
void member_begin(void);

/* Makes a copy of this process, whose only thread is `child` (struct task) and returns from here,
 * too: 1 to who called, with its task's number, 0 to the copy. *e says why not, then -1. `kind` as
 * REQUEST_FORK says; if it is not 0, space_renew() is to follow. */
int member_fork(vaddr_t child, word_t kind, uint32_t *task, enum err *e);

/* Starts a thread of this process: `core` (struct task), which runs run(data) with a copy of the
 * FAMILY_START_BYTES at `data`, which is in one page, and must not return. */
enum err member_thread(vaddr_t core, void (*run)(void *), const void *data, uint32_t *task);

/* Sleeps until the calling thread's task is woken, or until the time-stamp counter is at
 * `deadline`. May return early. */
void member_sleep(uint64_t deadline);

/* Wakes a task: one that sleeps, or will; one that runs gets an event. */
void member_wake(uint32_t task);

/* Was the calling thread's task woken since this was asked, or since it slept? */
bool member_was_woken(void);

/* Ends this thread; ends the process; ends it as if an outsider had. */
_Noreturn void member_thread_end(void);
_Noreturn void member_end(void);
_Noreturn void member_abort(void);

/* Called by an event that came in code outside of the image; NULL: nothing is. */
extern void (*member_interrupt)(struct libos_regs *regs);
#pragma GCC visibility pop
