/*
 * Processes: who descends from whom, groups and sessions, the beginning and the end.
 *
 * Invariants. process_check() tests them all and names the broken one.
 *   P1  a pid is one process', and no other's
 *   P2  a process is in its parent's list of children once; only the first has no parent
 *   P3  a process that has ended has no tasks, no files and no memory areas (T4 in task.h)
 *   P4  a process is in a session, and its group has members in that session alone
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/base/arena.h"

/* A process like `parent`, or the first one if NULL, without tasks. With `borrows` it uses the
 * memory of the parent, else its areas are copies. ENOMEM: NULL. */
struct process *process_create(struct arena *a, struct process *parent, bool borrows);

/* Gives a process that borrows the lender's areas, as copies, for the time when it does so no more.
 * ENOMEM: false, and nothing has changed. */
bool process_copy_memory(struct process *p);

/* Processor time that it has used; of another than the calling one only once that has ended. */
uint64_t process_cpu_ns(const struct process *p);

/* It runs the program in this file now; NULL: none. */
void process_runs(struct process *p, struct node *n);

/* Takes back a process that got no task, or was waited for. */
void process_free(struct process *p);

/* Before it runs another program: what it runs is said for it alone, and may be changed. ENOMEM:
 * false. */
bool process_own_text(struct process *p);

/* The process that a file of pidfd_open is of; NULL: it has been waited for. */
struct process *process_of_file(const struct arena *a, const struct file *f);

struct process *process_find(const struct arena *a, int32_t pid);

/* Has a process of this group been born and not been waited for? */
bool process_group_exists(const struct arena *a, int32_t group, int32_t session);

/* All tasks end as soon as they leave the core; the process then has `status`, as wait4 gives it.
 */
void process_kill(struct process *p, int status);

/* The last task has gone: files are closed, children given away, and the parent is told. */
void process_finish(struct process *p);

/* Tells the parent that something happened that wait can see. `code` is one of CLD_*. */
void process_tell_parent(struct process *p, int code, int status);

/* execve or the end: who called vfork goes on. */
void process_end_vfork(struct process *p);

/* NULL when P1 to P4 hold, else a sentence that begins with the broken invariant's name. */
const char *process_check(const struct arena *a);

#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
