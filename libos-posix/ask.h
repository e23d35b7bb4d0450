/* The answers to calls that ask for one number of the process: for the calls' own functions and for
 * the ways that answer them with nothing else done. */
#pragma once

#include "libos-posix/process.h"
#include "libos-posix/signal.h"
#include "libos-posix/task.h"

static inline long ask_getpid(const struct process *p)
{
    return p->pid;
}

/* The first process has no parent, as Linux says it of init. */
static inline long ask_getppid(const struct process *p)
{
    return p->parent ? p->parent->pid : 0;
}

static inline long ask_getuid(const struct process *p)
{
    return p->who.uid;
}

static inline long ask_geteuid(const struct process *p)
{
    return p->who.euid;
}

static inline long ask_getgid(const struct process *p)
{
    return p->who.gid;
}

static inline long ask_getegid(const struct process *p)
{
    return p->who.egid;
}

/* The calls that are answered so. */
#define ASKS(ASK) ASK(getpid) ASK(getppid) ASK(getuid) ASK(geteuid) ASK(getgid) ASK(getegid)

/* The first call, one that finds a signal due, and those that are written down go the way of all.
 */
static inline bool ask_is_all(const struct task *t)
{
    return __builtin_expect(t && !signal_is_due(t) && !t->process->arena->traces, 1);
}
