/* Formatting into memory; see print.h. */
#include "libos/print.h"

#include <stdbool.h>
#include <stdint.h>

#include "libos/string.h"

struct output {
    char *to;
    size_t size, length;
};

/* One directive: what stands between '%' and its letter. */
struct directive {
    bool left, zero, wide;
    size_t width, precision;
};

static void put(struct output *o, char c)
{
    if (o->length + 1 < o->size)
        o->to[o->length] = c;
    o->length++;
}

static void put_padded(struct output *o, const struct directive *d, const char *text, size_t length)
{
    size_t pad = d->width > length ? d->width - length : 0;
    bool zero = d->zero && !d->left;

    if (zero && length && *text == '-') {
        put(o, '-');
        text++;
        length--;
    }
    for (size_t i = 0; i < pad && !d->left; i++)
        put(o, zero ? '0' : ' ');
    for (size_t i = 0; i < length; i++)
        put(o, text[i]);
    for (size_t i = 0; i < pad && d->left; i++)
        put(o, ' ');
}

static void put_number(struct output *o, const struct directive *d, uint64_t value, unsigned base,
                       bool negative)
{
    char digits[24];
    size_t at = sizeof digits;

    do
        digits[--at] = "0123456789abcdef"[value % base];
    while (value /= base);
    if (negative)
        digits[--at] = '-';
    put_padded(o, d, digits + at, sizeof digits - at);
}

static size_t parse_number(const char **format)
{
    size_t n = 0;

    while (**format >= '0' && **format <= '9' && n < 100000)
        n = n * 10 + (size_t)(*(*format)++ - '0');
    return n;
}

static const char *parse(const char *format, struct directive *d)
{
    *d = (struct directive){.precision = SIZE_MAX};
    for (; *format == '-' || *format == '0'; format++) {
        d->left |= *format == '-';
        d->zero |= *format == '0';
    }
    d->width = parse_number(&format);
    if (*format == '.') {
        format++;
        d->precision = parse_number(&format);
    }
    for (; *format == 'l' || *format == 'z'; format++)
        d->wide = true;
    return format;
}

/* Both widths of a list's next number; `list` is the caller's own copy. */
#define NEXT_UNSIGNED(d, list) ((d).wide ? va_arg(list, uint64_t) : va_arg(list, unsigned))
#define NEXT_SIGNED(d, list)   ((d).wide ? va_arg(list, int64_t) : va_arg(list, int))

size_t print_format_list(char *to, size_t size, const char *format, va_list given)
{
    struct output o = {to, size, 0};
    struct directive d;
    va_list list;

    va_copy(list, given);
    for (; *format; format++) {
        if (*format != '%') {
            put(&o, *format);
            continue;
        }
        const char *begin = format;
        format = parse(format + 1, &d);
        if (*format == 's') {
            const char *s = va_arg(list, const char *);
            s = s ? s : "(null)";
            put_padded(&o, &d, s, strnlen(s, d.precision));
        } else if (*format == 'c') {
            char c = (char)va_arg(list, int);
            put_padded(&o, &d, &c, 1);
        } else if (*format == 'd' || *format == 'i') {
            int64_t v = NEXT_SIGNED(d, list);
            put_number(&o, &d, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, v < 0);
        } else if (*format == 'u') {
            put_number(&o, &d, NEXT_UNSIGNED(d, list), 10, false);
        } else if (*format == 'x') {
            put_number(&o, &d, NEXT_UNSIGNED(d, list), 16, false);
        } else if (*format == 'p') {
            put(&o, '0');
            put(&o, 'x');
            put_number(&o, &d, (uintptr_t)va_arg(list, void *), 16, false);
        } else if (*format == '%') {
            put(&o, '%');
        } else {
            if (!*format)
                format--; /* the text ends inside a directive: the loop shall see its end */
            while (begin <= format)
                put(&o, *begin++);
        }
    }
    va_end(list);
    if (size)
        to[o.length < size ? o.length : size - 1] = '\0';
    return o.length;
}

size_t print_format(char *to, size_t size, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    size_t length = print_format_list(to, size, format, list);
    va_end(list);
    return length;
}
