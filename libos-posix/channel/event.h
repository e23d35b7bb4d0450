/*
 * Files that are made of events: eventfd, timerfd, signalfd and epoll.
 *
 * Invariants of epoll. epoll_check() tests them and names the broken one.
 *   E1  a watch is in the lists of its epoll and of its file
 *   E2  a ready list is linked both ways
 *   E3  a watch that is to tell by level, and whose file is ready, is on its epoll's ready list
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/file/file.h"

/* The first timerfd that is not done with, and the moment when it next expires. Wakes who polls or
 * reads those that have expired; PORT_FOREVER: none is armed. */
uint64_t timerfd_run(struct arena *a);

/* The time of day was set `by` ns on. */
void timerfd_clock_moved(struct arena *a, int64_t by);

/* The file goes: no epoll file watches it any more. */
void epoll_forget(struct arena *a, const struct file *f);

/* More of what is asked for may be ready of a file than before; of kinds that tell so. */
void epoll_tell(const struct file *f);

/* A holder of the lock was lost: files' lists of who watches them, and ready lists, are made anew,
 * of all that is watched. */
void epoll_restore(const struct arena *a);

/* NULL when E1 to E3 hold, else a sentence that begins with the broken one's name. */
const char *epoll_check(const struct arena *a);

/* What happened to the object behind a file, counted: an edge is a change of this or of what is
 * ready. Objects may share a counter, so an edge may be told that was none. */
static inline uint32_t *activity_of(struct arena *a, const void *channel)
{
    return &a->activity[(uintptr_t)channel / 64 % ACTIVITY_COUNT];
}
