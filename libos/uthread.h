/*
 * User threads: many in one thread of the kernel, which knows nothing of them. Cooperative: one
 * runs until it yields, blocks or ends; who is next is asked of a scheduler (libos/sched.h). They
 * share the kernel thread's UTCB and its SSE and x87 modes.
 */
#pragma once

#include "libos/sched.h"

struct uthreads;

struct uthread {
    struct sched_entity entity; /* first. Filled in by the program, as the scheduler wants it */
    struct uthreads *set;
    vaddr_t sp;
    void (*run)(void *argument);
    void *argument;
};

/* The threads of one kernel thread. */
struct uthreads {
    struct scheduler *scheduler;
    struct uthread *current;
    vaddr_t home_sp; /* of uthreads_run()                    */
    uint64_t since;  /* when the current one began           */
    uint32_t count;  /* that have not ended                  */
    uint64_t (*clock)(void);
};

/* `clock` measures what is charged; NULL: each turn is 1. */
void uthreads_init(struct uthreads *set, struct scheduler *scheduler, uint64_t (*clock)(void));

/* A thread that will run(argument) on the stack [stack, stack + bytes), which is bound, or will be
 * by the fault handler. BAD_ARG: less than 1 KiB of stack; errors of sched_add(). */
enum err uthread_start(struct uthreads *set, struct uthread *t, void *stack, uint64_t bytes,
                       void (*run)(void *), void *argument);

/* Runs them until all have ended. BAD_STATE: the others are blocked, or the scheduler picks none;
 * it can be called again when that has changed. */
enum err uthreads_run(struct uthreads *set);

/* By a running thread: others may run; it waits until somebody calls uthread_wake(). */
void uthread_yield(struct uthreads *set);
void uthread_block(struct uthreads *set);
void uthread_wake(struct uthread *t);
