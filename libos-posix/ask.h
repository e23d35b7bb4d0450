/* The answers to calls that ask for one number of the process: for calls.c and for the ways that
 * answer them with nothing else done. */
#pragma once

#include "libos-posix/arena.h"
#include "libos-posix/signal.h"

static inline long ask_getpid(const struct process *p)
{
    return p->pid;
}

static inline long ask_getppid(const struct process *p)
{
    (void)p;
    return 0;
}

static inline long ask_getuid(const struct process *p)
{
    (void)p;
    return 0;
}

static inline long ask_geteuid(const struct process *p)
{
    (void)p;
    return 0;
}

static inline long ask_getgid(const struct process *p)
{
    (void)p;
    return 0;
}

static inline long ask_getegid(const struct process *p)
{
    (void)p;
    return 0;
}

/* The calls that are answered so. */
#define ASKS(ASK) ASK(getpid) ASK(getppid) ASK(getuid) ASK(geteuid) ASK(getgid) ASK(getegid)

/* The first call, and one that finds a signal due, goes the way of all. */
static inline bool ask_is_all(const struct process *p)
{
    return __builtin_expect(p && !signal_is_due(p), 1);
}
