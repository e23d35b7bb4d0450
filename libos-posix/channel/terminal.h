/*
 * Terminals: the console, and pairs of a master and a terminal (pty).
 *
 * Bytes typed come in by terminal_input, where lines are put together, echoed and made signals of;
 * reading takes finished lines, or bytes when lines are off. The console of a family that is no
 * terminal is a plain stream: nothing is done to its bytes.
 *
 * Invariants. terminal_check() tests them and names the broken one.
 *   L1  waiting and unfinished bytes together are at most TERMINAL_BYTES
 *   L2  `lines` counts the marked bytes among the finished ones
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/base/arena.h"

#define TERMINAL_BYTES ((size_t)4096)

struct pty;
struct io;
struct file;

struct terminal {
    struct linux_termios termios;
    struct linux_winsize size;
    int32_t session;    /* whose controlling terminal this is; 0: nobody's */
    int32_t foreground; /* process group */
    struct pty *pty;    /* NULL: the console */
    bool ended;         /* no more input will come */
    bool literal_next;  /* the next byte is taken as it is */
    unsigned column;    /* of the cursor, for erasing */
    size_t first;       /* of the ring */
    size_t finished;    /* bytes that may be read */
    size_t unfinished;  /* bytes behind them of a line that is still being typed */
    size_t lines;       /* ends of lines, and ends of input, among the finished */
    uint8_t ring[TERMINAL_BYTES];
    uint8_t marks[TERMINAL_BYTES]; /* 0; MARK_LINE: a line ends here; MARK_EOF: before here */
};

#define MARK_LINE 1u
#define MARK_EOF  2u

/* As large as the port says. NULL: no memory. */
struct terminal *terminal_create(struct arena *a);

/* Takes what was typed; returns how many bytes there was room for. 0 bytes: the input has ended. */
long terminal_input(struct terminal *t, const void *bytes, size_t count);

/* What read, write and poll do on a terminal's file. */
long terminal_read(struct process *p, struct terminal *t, const struct file *f, struct io *io);
long terminal_write(struct process *p, struct terminal *t, const struct file *f, struct io *io);
uint16_t terminal_poll(const struct terminal *t);
long terminal_ioctl(struct process *p, struct terminal *t, uint32_t request, vaddr_t at);

/* Lines are on again: what came while they were off, and was not read, is one. */
void terminal_end_line(struct terminal *t);

/* Is it one at all, or a plain stream? */
bool terminal_is_one(const struct terminal *t);

/* Bytes that a read would find now. */
size_t terminal_readable(const struct terminal *t);

/* Writes to the other end, as the output flags say. */
void terminal_put(struct terminal *t, const char *bytes, size_t count, bool is_error);

/* A process ends: if it leads the session of a terminal, that is nobody's afterwards, and its
 * foreground group is told (SIGHUP). */
void terminal_session_ends(struct process *p);

/* It has this size from now on; if it had another, its foreground group is told. */
void terminal_resize(struct arena *a, struct terminal *t, const struct linux_winsize *size);

/* Signals all processes of a group. */
void terminal_signal_group(struct arena *a, int32_t group, unsigned number);

/* NULL when L1 and L2 hold, else a sentence that begins with the broken invariant's name. */
const char *terminal_check(const struct terminal *t);
