/* Terminals: what becomes of typed bytes (the line discipline). */
#include "libos-posix/channel/terminal.h"

#include "libos-posix/base/mem.h"
#include "libos-posix/process/signal.h"

#define DELETE     0x7fu
#define CONTROL(c) ((char)((c) ^ 0x40))
#define NO_CHAR    0u /* an entry of `chars` that is off */

/* What a fresh terminal line of Linux says: CR becomes NL, NL becomes CR NL, lines and echo. */
static const struct linux_termios termios_default = {
    .input = T_ICRNL | T_IXON,
    .output = T_OPOST | T_ONLCR,
    .control = 0xbf, /* B38400 CS8 CREAD */
    .local = T_ISIG | T_ICANON | T_ECHO | T_ECHOE | T_ECHOK | T_ECHOCTL | T_ECHOKE | T_IEXTEN,
    .chars = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22},
};

struct terminal *terminal_create(struct arena *a)
{
    struct terminal *t = core_heap_alloc(&a->heap, sizeof *t);
    struct port_terminal port;

    if (!t)
        return NULL;
    port_terminal_get(&port);
    t->termios = termios_default;
    t->size = (struct linux_winsize){.rows = 24, .columns = 80};
    if (port.rows && port.columns)
        t->size = (struct linux_winsize){.rows = port.rows, .columns = port.columns};
    return t;
}

static size_t place(const struct terminal *t, size_t index)
{
    return (t->first + index) % TERMINAL_BYTES;
}

static bool has_room(const struct terminal *t)
{
    return t->finished + t->unfinished < TERMINAL_BYTES;
}

void terminal_signal_group(struct arena *a, int32_t group, unsigned number)
{
    for (struct process *p = a->processes; p; p = p->next)
        if (p->group == group && !p->ended)
            signal_raise(p, NULL, number, NULL);
}

static void echo_bytes(struct terminal *t, const char *bytes, size_t count)
{
    terminal_put(t, bytes, count, false);
}

static bool is_control(uint8_t c)
{
    return (c < ' ' && c != '\t' && c != '\n') || c == DELETE;
}

/* How many columns a byte took when it was echoed. A tab's width is not known: one. */
static unsigned width(const struct terminal *t, uint8_t c)
{
    if (is_control(c))
        return t->termios.local & T_ECHOCTL ? 2 : 0;
    return (c & 0xc0) == 0x80 ? 0 : 1; /* the rest of a UTF-8 character */
}

static void echo(struct terminal *t, uint8_t c)
{
    char pair[2] = {'^', CONTROL(c)};

    if (!(t->termios.local & T_ECHO)) {
        if (c == '\n' && (t->termios.local & T_ECHONL) && (t->termios.local & T_ICANON))
            echo_bytes(t, "\n", 1);
        return;
    }
    if (is_control(c) && (t->termios.local & T_ECHOCTL))
        echo_bytes(t, pair, 2);
    else
        echo_bytes(t, (const char *)&c, 1);
}

static void append(struct terminal *t, uint8_t c, uint8_t mark)
{
    size_t at = place(t, t->finished + t->unfinished);

    t->ring[at] = c;
    t->marks[at] = mark;
    t->unfinished++;
}

static void finish(struct terminal *t, size_t lines)
{
    t->finished += t->unfinished;
    t->unfinished = 0;
    t->lines += lines;
    task_wake_pollers(arena_get(), t);
}

void terminal_end_line(struct terminal *t)
{
    uint8_t *mark = &t->marks[place(t, t->finished ? t->finished - 1 : 0)];

    if (!t->finished || *mark)
        return;
    *mark = MARK_LINE;
    finish(t, 1);
}

/* Takes back the last byte of the line; false: it is empty. */
static bool erase_one(struct terminal *t)
{
    if (!t->unfinished)
        return false;
    uint8_t c = t->ring[place(t, t->finished + --t->unfinished)];
    if (t->termios.local & T_ECHO && t->termios.local & T_ECHOE)
        for (unsigned i = width(t, c); i; i--)
            echo_bytes(t, "\b \b", 3);
    if ((c & 0xc0) == 0x80)
        return erase_one(t);
    return true;
}

static bool last_is_blank(const struct terminal *t)
{
    uint8_t c = t->ring[place(t, t->finished + t->unfinished - 1)];
    return c == ' ' || c == '\t';
}

static void erase_word(struct terminal *t)
{
    while (t->unfinished && last_is_blank(t))
        erase_one(t);
    while (t->unfinished && !last_is_blank(t))
        erase_one(t);
}

static bool is_char(const struct terminal *t, unsigned which, uint8_t c)
{
    return c != NO_CHAR && t->termios.chars[which] == c;
}

/* A byte that is a command to the line editor; true: it was one. */
static bool edit(struct terminal *t, uint8_t c)
{
    bool extended = t->termios.local & T_IEXTEN;

    if (is_char(t, V_ERASE, c)) {
        erase_one(t);
    } else if (is_char(t, V_KILL, c)) {
        while (erase_one(t))
            continue;
    } else if (extended && is_char(t, V_WERASE, c)) {
        erase_word(t);
    } else if (extended && is_char(t, V_LNEXT, c)) {
        t->literal_next = true;
    } else if (is_char(t, V_EOF, c)) {
        append(t, 0, MARK_EOF);
        finish(t, 1);
    } else {
        return false;
    }
    return true;
}

/* A byte that makes a signal; true: it was one. What was typed before is dropped. */
static bool interrupt(struct terminal *t, uint8_t c)
{
    static const struct {
        unsigned which, number;
    } keys[] = {{V_INTR, SIGINT}, {V_QUIT, SIGQUIT}, {V_SUSP, SIGTSTP}};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!is_char(t, keys[i].which, c))
            continue;
        if (!(t->termios.local & T_NOFLSH))
            t->finished = t->unfinished = t->lines = 0;
        echo(t, c);
        if (t->foreground)
            terminal_signal_group(arena_get(), t->foreground, keys[i].number);
        return true;
    }
    return false;
}

static void take_byte(struct terminal *t, uint8_t c)
{
    uint32_t input = t->termios.input, local = t->termios.local;

    if (input & T_ISTRIP)
        c &= 0x7f;
    bool literal = t->literal_next;
    t->literal_next = false;
    if (!literal) {
        if (c == '\r' && (input & T_IGNCR))
            return;
        if (c == '\r' && (input & T_ICRNL))
            c = '\n';
        else if (c == '\n' && (input & T_INLCR))
            c = '\r';
        if ((input & T_IXON) && (is_char(t, V_START, c) || is_char(t, V_STOP, c)))
            return; /* output is never held back */
        if ((local & T_ISIG) && interrupt(t, c))
            return;
        if ((local & T_ICANON) && edit(t, c))
            return;
    }
    echo(t, c);
    bool ends = (local & T_ICANON) && !literal &&
                (c == '\n' || is_char(t, V_EOL, c) || is_char(t, V_EOL2, c));
    append(t, c, ends ? MARK_LINE : 0);
    if (ends)
        finish(t, 1);
    else if (!(local & T_ICANON))
        finish(t, 0);
}

long terminal_input(struct terminal *t, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    size_t done = 0;

    if (!count) {
        t->ended = true;
        finish(t, 0);
        return 0;
    }
    if (!terminal_is_one(t)) {
        for (; done < count && has_room(t); done++)
            append(t, at[done], 0);
        finish(t, 0);
        return (long)done;
    }
    /* The last place is kept for what ends a line; what else comes then is lost, as in Linux. */
    for (; done < count; done++) {
        bool full = t->finished + t->unfinished >= TERMINAL_BYTES - 1;
        bool canonical = t->termios.local & T_ICANON;
        if (!has_room(t) || (full && !canonical))
            break;
        if (full && at[done] != '\n' && at[done] != '\r')
            continue;
        take_byte(t, at[done]);
    }
    return (long)done;
}

const char *terminal_check(const struct terminal *t)
{
    size_t lines = 0;

    if (t->finished + t->unfinished > TERMINAL_BYTES || t->first >= TERMINAL_BYTES)
        return "L1: more bytes wait than there is room for";
    for (size_t i = 0; i < t->finished; i++)
        lines += t->marks[place(t, i)] != 0;
    return lines == t->lines ? NULL : "L2: the number of finished lines is wrong";
}
