/* What the tool's parts share: the threads of Linux under the tasks of the core. */
#pragma once

#include "exo/abi/types.h"
#include "libos-posix/way/way_trampoline.h"

extern const void *host_archive;
extern size_t host_archive_bytes;
extern bool host_has_keeper; /* a family under posix-run; else a linked program alone */

/* Room at the start of each thread's core stack; %gs points to it. */
struct host_thread {
    struct task *task;
    volatile char selector; /* read by Linux at each system call: let it through? */
    bool has_stack;         /* Linux knows its alternate stack                    */
    struct posix_regs regs; /* of a new thread, until it has begun                */
    word_t fs_base;
};

#define HOST_STACK_BYTES  ((size_t)256 * 1024)
#define HOST_THREAD_BYTES ((size_t)8192) /* and room for what a thread does before it begins */
_Static_assert(sizeof(struct host_thread) <= HOST_THREAD_BYTES, "it lies below the stack");

/* What a task's `port` holds. */
enum {
    HOST_WORD_RAISED,  /* the semaphore: a futex                         */
    HOST_WORD_THREAD,  /* Linux's number of its thread; 0: not started   */
    HOST_WORD_PROCESS, /* and of its process                             */
};

#define HOST_ARENA_FD 100 /* the memory that the family shares */

/* A thread's stack for the core, with its host_thread at the lowest address. NULL: no memory. */
struct host_thread *host_stack_create(void);

/* Makes the calling thread the task's, with that stack. */
void host_begin(struct host_thread *self, struct task *task);

/* Any living task of the process that Linux calls `pid`, or NULL. */
struct task *host_task_of(long pid);

/* Lets Linux trap all system calls and faults of the calling thread, whose stack this is. */
void host_catch(struct host_thread *self);

/* Begins to run the program with these registers. */
_Noreturn void host_enter(struct host_thread *self, const struct posix_regs *regs);

/* Linux's call, whoever the C library belongs to. */
long host_call(long number, long a1, long a2, long a3, long a4, long a5, long a6);

/* The call by name; arguments that are not given are 0. Needs <asm/unistd.h>. */
#define LINUX(...) LINUX_SPREAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define LINUX_SPREAD(name, a, b, c, d, e, f, ...)                                                  \
    host_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
