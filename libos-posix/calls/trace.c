/* The log of calls: a line for each, as strace writes it. */
#include "libos-posix/calls/trace.h"

#include "libos-posix/base/area.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/text.h"

#define LINE_BYTES   400u
#define STRING_BYTES 64u
#define SMALL        65536u /* numbers below are shown in decimal: they are seldom addresses */
#define ERRORS       4095

static const struct row {
    const char *name;
    unsigned arguments;
} rows[] = {
#define CALL(number, name, arguments) [number] = {#name, arguments},
#include "libos-posix/calls/calls.def"
#undef CALL
    [15] = {"rt_sigreturn", 0},
};

/* Which arguments are paths, bit 0 for the first. */
static const struct {
    uint16_t number;
    uint8_t strings;
} strings[] = {{2, 1},   {4, 1},   {6, 1},    {21, 1},   {59, 1},  {76, 1},  {80, 1},
               {82, 3},  {83, 1},  {84, 1},   {85, 1},   {86, 3},  {87, 1},  {88, 3},
               {89, 1},  {90, 1},  {92, 1},   {94, 1},   {137, 1}, {257, 2}, {258, 2},
               {262, 2}, {263, 2}, {264, 10}, {265, 10}, {266, 5}, {267, 2}, {268, 2},
               {269, 2}, {280, 2}, {316, 10}, {322, 2},  {332, 2}, {439, 2}};

static bool is_string(long number, unsigned argument)
{
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        if (strings[i].number == number)
            return strings[i].strings >> argument & 1;
    return false;
}

static void add_hex(struct text *t, uint64_t value)
{
    char digits[16];
    size_t at = sizeof digits;

    do
        digits[--at] = "0123456789abcdef"[value & 15];
    while ((value >>= 4) != 0);
    text_add(t, "0x");
    text_add_bytes(t, digits + at, sizeof digits - at);
}

static void add_number(struct text *t, word_t value)
{
    if ((int64_t)value < 0 && (int64_t)value > -(int64_t)SMALL) {
        text_add(t, "-");
        text_add_number(t, 0 - value, 1, ' ');
    } else if (value < SMALL) {
        text_add_number(t, value, 1, ' ');
    } else {
        add_hex(t, value);
    }
}

static void add_string(struct text *t, vaddr_t at)
{
    size_t most = area_extent(process_current(), at, RIGHT_READ), n = 0;
    const char *s = (const char *)at;

    if (!most) {
        add_hex(t, at);
        return;
    }
    while (n < most && n < STRING_BYTES && s[n])
        n++;
    text_add(t, "\"");
    text_add_bytes(t, s, n);
    text_add(t, n == STRING_BYTES ? "\"..." : "\"");
}

static const struct row *row_of(long number)
{
    bool known = (word_t)number < sizeof rows / sizeof rows[0] && rows[number].name;
    return known ? &rows[number] : NULL;
}

static void add_task(struct text *t)
{
    text_add(t, "[");
    text_add_number(t, (uint64_t)task_current()->tid, 1, ' ');
    text_add(t, "] ");
}

static void add_call(struct text *t, long number, const word_t a[6])
{
    const struct row *row = row_of(number);

    add_task(t);
    if (row) {
        text_add(t, row->name);
    } else {
        text_add(t, "call ");
        add_number(t, (word_t)number);
    }
    text_add(t, "(");
    for (unsigned i = 0; i < (row ? row->arguments : 6); i++) {
        text_add(t, i ? ", " : "");
        if (is_string(number, i))
            add_string(t, a[i]);
        else
            add_number(t, a[i]);
    }
    text_add(t, ")");
}

static void write_line(struct text *t)
{
    t->at[t->bytes < t->capacity ? t->bytes : t->capacity - 1] = '\n';
    port_console_write(2, t->at, t->bytes < t->capacity ? t->bytes + 1 : t->capacity);
}

/* Calls that do not return to their caller are told of before. */
void trace_enter(long number, const word_t a[6])
{
    char line[LINE_BYTES];
    struct text t = {line, 0, sizeof line};

    if (number != 60 && number != 231 && number != 59)
        return;
    add_call(&t, number, a);
    write_line(&t);
}

void trace_leave(long number, const word_t a[6], long result)
{
    char line[LINE_BYTES];
    struct text t = {line, 0, sizeof line};

    if (number == 59 && !result) { /* the arguments were the old program's */
        add_task(&t);
        text_add(&t, "execve");
    } else {
        add_call(&t, number, a);
    }
    text_add(&t, " = ");
    add_number(&t, (word_t)result);
    if (!row_of(number) && result < 0 && result >= -ERRORS)
        text_add(&t, " (missing)");
    write_line(&t);
}

void trace_missing(struct arena *a, long number)
{
    a->unknown_calls++;
    if ((word_t)number < MISSING_COUNT && a->missing[number] < UINT16_MAX)
        a->missing[number]++;
}

void posix_trace(bool on)
{
    arena_get()->traces = on;
}

void posix_trace_missing(void)
{
    const struct arena *a = arena_get();

    for (unsigned i = 0; i < MISSING_COUNT; i++) {
        char line[LINE_BYTES];
        struct text t = {line, 0, sizeof line};
        if (!a->missing[i])
            continue;
        text_add(&t, "missing call ");
        text_add_number(&t, i, 1, ' ');
        text_add(&t, ": ");
        text_add_number(&t, a->missing[i], 1, ' ');
        text_add(&t, " times");
        write_line(&t);
    }
}
