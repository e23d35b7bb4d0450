/*
 * SIGIO: files that tell a process, or a group, that they have become ready (O_ASYNC, F_SETOWN).
 *
 * Invariant, tested by async_check():
 *   Y1  the files of the list are those that have O_ASYNC
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/file/file.h"

/* Turns O_ASYNC on or off. ENOTTY: files of this kind are always ready; ENOMEM. */
long async_set(struct arena *a, struct file *f, bool on);

/* The file goes. */
void async_forget(struct arena *a, struct file *f);

/* Something has changed at a channel (task_wake_pollers): owners of its ready files get SIGIO. Pre:
 * there are such files. */
void async_tell(struct arena *a, const void *channel);

/* NULL when Y1 holds, else a sentence that begins with its name. */
const char *async_check(const struct arena *a);
