/*
 * Pairs of a master and a terminal: what is written to the master is typed at the terminal, and
 * what is written to the terminal is read from the master.
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/channel/terminal.h"

/* Appends output for the master; what there is no room for is lost (only echo can come to that). */
void pty_put(struct terminal *t, const char *bytes, size_t count);

/* Waits until the master's side has room for `bytes`. -EIO: the master is closed. */
long pty_wait_room(struct terminal *t, const struct file *f, size_t bytes);

size_t pty_room(const struct terminal *t);

/* Has the master been closed? */
bool pty_is_hung_up(const struct terminal *t);

/* Opens the master of a new pair, or the terminal of a device node. ENOSPC, ENOMEM, EIO. */
long pty_open_master(struct process *p, struct file *f);
long pty_open_terminal(struct process *p, const struct node *n, struct file *f);

/* /dev/pts/N of a terminal. */
struct node *pty_node(const struct terminal *t);

/* ioctl of a master. */
long pty_ioctl(struct process *p, struct file *f, uint32_t request, vaddr_t at);

/* The terminal whose session is `session`, or NULL. */
struct terminal *pty_of_session(struct arena *a, int32_t session);
