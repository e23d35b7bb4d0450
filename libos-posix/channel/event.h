/*
 * Files that are made of events: eventfd, timerfd, signalfd and epoll.
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

/* What happened to the object behind a file, counted: an edge is a change of this or of what is
 * ready. Objects may share a counter, so an edge may be told that was none. */
static inline uint32_t *activity_of(struct arena *a, const void *channel)
{
    return &a->activity[(uintptr_t)channel / 64 % ACTIVITY_COUNT];
}
