/* More threads in this environment. */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

typedef void (*thread_fn)(void *argument);

struct thread {
    slot_t slot, done; /* CAP_THREAD, and a notification raised when `run` returned */
    uint64_t id;       /* global ID */
    vaddr_t memory;    /* UTCB, then the stacks */
    uint64_t bytes;
    thread_fn run;
    void *argument;
};

#define THREAD_CPU_HERE    ((uint32_t)-1)
#define THREAD_PRIORITY    100u /* what spawned programs and threads get, unless told */
#define THREAD_STACK_BYTES 65536u

/* Starts run(argument) in a thread of its own, on CPU number `cpu` (which SLOT_CPU must name) or
 * where the caller runs. *t is the caller's memory until thread_join(). Its stack is bound from the
 * beginning; the modules of libos are for one thread at a time.
 * NO_MEM; errors of thread_create and thread_place. After an error nothing is left. */
enum err thread_run(struct thread *t, thread_fn run, void *argument, uint32_t cpu,
                    uint32_t priority);

/* The same under a thread number; 0: any. IN_USE: it is taken. */
enum err thread_run_number(struct thread *t, thread_fn run, void *argument, uint32_t cpu,
                           uint32_t priority, uint32_t number);

/* Waits until it has returned from `run`, and frees all that it had. */
void thread_join(struct thread *t);

/* Frees all that it has, wherever it is. Not for the caller itself. */
void thread_destroy(struct thread *t);
