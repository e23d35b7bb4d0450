/* Formats the kernel's log, one character at a time, through print_char. */
#include "exo/base/print.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

static void print_number(uint64_t n, unsigned base)
{
    char digits[20];
    unsigned i = 0;

    do {
        digits[i++] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);
    while (i)
        print_char(digits[--i]);
}

static void print_string(const char *s)
{
    while (*s)
        print_char(*s++);
}

static void print_signed(int64_t n)
{
    if (n < 0)
        print_char('-');
    print_number(n < 0 ? -(uint64_t)n : (uint64_t)n, 10);
}

/* One conversion, after its %; `wide` says whether an l came before it. */
static void print_item(char kind, bool wide, va_list *args)
{
    switch (kind) {
    case 's':
        print_string(va_arg(*args, const char *));
        break;
    case 'c':
        print_char((char)va_arg(*args, int));
        break;
    case 'd':
        print_signed(wide ? va_arg(*args, long) : va_arg(*args, int));
        break;
    case 'u':
    case 'x':
        print_number(wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned),
                     kind == 'x' ? 16 : 10);
        break;
    default:
        print_char(kind);
    }
}

void print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%') {
            print_char(*format);
            continue;
        }
        bool wide = *++format == 'l';
        format += wide;
        print_item(*format, wide, &args);
    }
    va_end(args);
}
