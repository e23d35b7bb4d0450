/* Terminals: reading, writing, and their control calls. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/process.h"
#include "libos-posix/channel/pty.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/channel/terminal.h"
#include "libos-posix/base/user.h"

#define PIECE_BYTES   ((size_t)512)
#define NS_PER_TENTH  100000000u /* the unit of VTIME */
#define TCFLSH_INPUT  0
#define TCFLSH_OUTPUT 1

bool terminal_is_one(const struct terminal *t)
{
    struct port_terminal port;

    if (t->pty)
        return true;
    port_terminal_get(&port);
    return port.is_terminal;
}

static bool is_canonical(const struct terminal *t)
{
    return (t->termios.local & T_ICANON) && terminal_is_one(t);
}

size_t terminal_readable(const struct terminal *t)
{
    return is_canonical(t) && !t->lines ? 0 : t->finished;
}

/* A process in the background that touches its terminal is stopped, or told that it cannot be. */
static long check_foreground(struct process *p, const struct terminal *t, unsigned number)
{
    uint64_t bit = signal_bit(number);

    if (!t->session || t->session != p->session || t->foreground == p->group || !terminal_is_one(t))
        return 0;
    bool deaf = p->action[number - 1].handler == SIG_IGN || (task_current()->blocked & bit);
    if (number == SIGTTOU && deaf)
        return 0;
    if (deaf || signal_group_is_orphaned(p))
        return -EIO;
    terminal_signal_group(p->arena, p->group, number);
    return -RESTART;
}

/* Waits until a read can be answered: a line, or as many bytes as VMIN and VTIME say. */
static long wait_for_input(struct process *p, struct terminal *t, const struct file *f, size_t most)
{
    bool canonical = is_canonical(t), plain = !terminal_is_one(t);
    size_t least = canonical || plain ? 1 : t->termios.chars[V_MIN];
    uint64_t patience = canonical || plain ? 0 : t->termios.chars[V_TIME] * (uint64_t)NS_PER_TENTH;
    uint64_t deadline = PORT_FOREVER;
    size_t seen = 0;

    if (least > most)
        least = most;
    if (!least && patience)
        deadline = port_monotonic_ns() + patience;
    for (;;) {
        size_t now = terminal_readable(t);
        if (now >= least && (now || !patience || port_monotonic_ns() >= deadline))
            return 0;
        if (t->ended || (t->pty && pty_is_hung_up(t)))
            return 0;
        if (f->flags & O_NONBLOCK)
            return now ? 0 : -EAGAIN;
        if (least && patience && now > seen)
            deadline = port_monotonic_ns() + patience; /* from one byte to the next */
        seen = now;
        long e = task_sleep(task_current(), t, deadline);
        if (e == -ETIMEDOUT)
            return 0;
        if (e)
            return e;
        e = check_foreground(p, t, SIGTTIN);
        if (e)
            return e;
    }
}

static void take_first(struct terminal *t)
{
    t->lines -= t->marks[t->first] != 0;
    t->first = (t->first + 1) % TERMINAL_BYTES;
    t->finished--;
}

long terminal_read(struct process *p, struct terminal *t, const struct file *f, struct io *io)
{
    long e = check_foreground(p, t, SIGTTIN);

    if (!e)
        e = wait_for_input(p, t, f, io->left);
    if (e)
        return e;
    bool canonical = is_canonical(t);
    long done = 0;
    while (io->left && t->finished) {
        uint8_t mark = t->marks[t->first];
        if (mark & MARK_EOF) { /* nothing to hand out, but the read ends here */
            take_first(t);
            break;
        }
        long n = io_put(io, &t->ring[t->first], 1);
        if (n < 0)
            return done ? done : n;
        take_first(t);
        done++;
        if (mark && canonical)
            break;
    }
    if (t->pty)
        task_wake_pollers(p->arena, t->pty); /* there is room again */
    else if (port_has_keeper())
        port_wake(p->arena->tasks[0]);
    return done;
}

/* NL as CR NL, in pieces. */
void terminal_put(struct terminal *t, const char *bytes, size_t count, bool is_error)
{
    char piece[PIECE_BYTES * 2];
    bool process = (t->termios.output & T_OPOST) && terminal_is_one(t);

    while (count) {
        size_t n = count < PIECE_BYTES ? count : PIECE_BYTES, made = 0;
        for (size_t i = 0; i < n; i++) {
            char c = bytes[i];
            if (process && c == '\n' && (t->termios.output & T_ONLCR))
                piece[made++] = '\r';
            if (process && c == '\r' && (t->termios.output & T_OCRNL))
                c = '\n';
            piece[made++] = c;
        }
        if (t->pty)
            pty_put(t, piece, made);
        else
            port_console_write(is_error ? 2 : 1, piece, made);
        bytes += n;
        count -= n;
    }
}

long terminal_write(struct process *p, struct terminal *t, const struct file *f, struct io *io)
{
    char bytes[PIECE_BYTES];
    long done = 0, e = 0;

    if (t->termios.local & T_TOSTOP)
        e = check_foreground(p, t, SIGTTOU);
    while (io->left && !e) {
        if (t->pty)
            e = pty_wait_room(t, f, PIECE_BYTES * 2);
        if (e)
            break;
        long n = io_get(io, bytes, sizeof bytes);
        if (n < 0)
            e = n;
        else
            terminal_put(t, bytes, (size_t)n, f->is_error_stream);
        done += n > 0 ? n : 0;
    }
    return done ? done : e;
}

uint16_t terminal_poll(const struct terminal *t)
{
    bool over = t->ended || (t->pty && pty_is_hung_up(t));
    bool in = terminal_readable(t) || over;
    bool out = !t->pty || pty_room(t) >= PIECE_BYTES * 2;

    return (uint16_t)((in ? POLLIN | POLLRDNORM : 0) | (out ? POLLOUT | POLLWRNORM : 0) |
                      (t->pty && over ? POLLHUP : 0));
}

void terminal_resize(struct arena *a, struct terminal *t, const struct linux_winsize *size)
{
    bool same = !memcmp(size, &t->size, sizeof *size);

    t->size = *size;
    if (!same && t->foreground)
        terminal_signal_group(a, t->foreground, SIGWINCH);
}

static long set_size(struct process *p, struct terminal *t, vaddr_t from)
{
    struct linux_winsize size;

    if (USER_GET(p, &size, from))
        return -EFAULT;
    terminal_resize(p->arena, t, &size);
    return 0;
}

static long set_foreground(struct process *p, struct terminal *t, vaddr_t from)
{
    int32_t group;

    if (t->session != p->session)
        return -ENOTTY;
    if (USER_GET(p, &group, from))
        return -EFAULT;
    if (group < 0)
        return -EINVAL;
    if (!process_group_exists(p->arena, group, p->session))
        return -EPERM;
    long e = check_foreground(p, t, SIGTTOU);
    if (!e)
        t->foreground = group;
    return e;
}

/* The leader of a session without a terminal takes this one. */
static long set_controlling(struct process *p, struct terminal *t)
{
    if (t->session == p->session)
        return 0;
    bool has_one =
        pty_of_session(p->arena, p->session) || p->arena->terminal->session == p->session;
    if (p->session != p->pid || t->session || has_one)
        return -EPERM;
    t->session = p->session;
    t->foreground = p->group;
    return 0;
}

static void session_leaves(struct arena *a, struct terminal *t)
{
    int32_t group = t->foreground;

    t->session = t->foreground = 0;
    if (!group)
        return;
    terminal_signal_group(a, group, SIGHUP);
    terminal_signal_group(a, group, SIGCONT);
}

void terminal_session_ends(struct process *p)
{
    struct terminal *t = p->session == p->pid ? pty_of_session(p->arena, p->pid) : NULL;

    if (p->session == p->pid && p->arena->terminal->session == p->pid)
        session_leaves(p->arena, p->arena->terminal);
    if (t)
        session_leaves(p->arena, t);
}

static long give_up(struct process *p, struct terminal *t)
{
    if (t->session != p->session)
        return -ENOTTY;
    if (p->session == p->pid)
        terminal_session_ends(p);
    return 0;
}

static long flush(struct terminal *t, int which)
{
    if (which < TCFLSH_INPUT || which > TCFLSH_OUTPUT + 1)
        return -EINVAL;
    if (which != TCFLSH_OUTPUT)
        t->finished = t->unfinished = t->lines = 0;
    return 0;
}

static long set_termios(struct process *p, struct terminal *t, uint32_t request, vaddr_t from)
{
    const bool had_lines = t->termios.local & T_ICANON;
    long e = check_foreground(p, t, SIGTTOU);

    if (!e && USER_GET(p, &t->termios, from))
        e = -EFAULT;
    if (!e && request == TCSETSF)
        flush(t, TCFLSH_INPUT);
    if (!e && !(t->termios.local & T_ICANON)) { /* what was typed so far can be read at once */
        t->finished += t->unfinished;
        t->unfinished = 0;
    }
    if (!e && !had_lines && (t->termios.local & T_ICANON))
        terminal_end_line(t);
    return e;
}

long terminal_ioctl(struct process *p, struct terminal *t, uint32_t request, vaddr_t at)
{
    int32_t waiting = (int32_t)terminal_readable(t), none = 0;

    if (!terminal_is_one(t))
        return -ENOTTY;
    switch (request) {
    case TCGETS:
        return USER_PUT(p, at, &t->termios);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_termios(p, t, request, at);
    case TIOCGWINSZ:
        return USER_PUT(p, at, &t->size);
    case TIOCSWINSZ:
        return set_size(p, t, at);
    case TIOCGPGRP:
        return t->session == p->session ? USER_PUT(p, at, &t->foreground) : -ENOTTY;
    case TIOCSPGRP:
        return set_foreground(p, t, at);
    case TIOCGSID:
        return t->session == p->session ? USER_PUT(p, at, &t->session) : -ENOTTY;
    case TIOCSCTTY:
        return set_controlling(p, t);
    case TIOCNOTTY:
        return give_up(p, t);
    case TCFLSH:
        return flush(t, (int)at);
    case TCSBRK: /* output has gone when write returns */
    case TCXONC:
        return 0;
    case FIONREAD:
        return USER_PUT(p, at, &waiting);
    case TIOCOUTQ:
        return USER_PUT(p, at, &none);
    default:
        return -ENOTTY;
    }
}
