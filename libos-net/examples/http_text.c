/* Writing text into memory of limited size. */
#include "libos-net/examples/http_text.h"

static void put_char(struct http_text *t, char c)
{
    if (t->used < t->room)
        t->at[t->used] = c;
    t->used++;
}

void http_put(struct http_text *t, const char *s)
{
    for (; *s; s++)
        put_char(t, *s);
}

static void put_base(struct http_text *t, uint64_t value, unsigned base, unsigned least)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value || count < least);
    while (count)
        put_char(t, digits[--count]);
}

void http_put_number(struct http_text *t, uint64_t value)
{
    put_base(t, value, 10, 1);
}

void http_put_hex(struct http_text *t, uint64_t value)
{
    http_put(t, "0x");
    put_base(t, value, 16, 1);
}

void http_put_html(struct http_text *t, const char *s, size_t count)
{
    for (size_t i = 0; i < count && s[i]; i++) {
        switch (s[i]) {
        case '<':
            http_put(t, "&lt;");
            break;
        case '>':
            http_put(t, "&gt;");
            break;
        case '&':
            http_put(t, "&amp;");
            break;
        case '"':
            http_put(t, "&quot;");
            break;
        case '\'':
            http_put(t, "&#39;");
            break;
        default:
            put_char(t, s[i]);
        }
    }
}

void http_put_url(struct http_text *t, const char *path)
{
    for (; *path; path++) {
        char c = *path;
        bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '/' || c == '-' || c == '.' || c == '_' || c == '~';

        if (safe) {
            put_char(t, c);
            continue;
        }
        put_char(t, '%');
        put_base(t, (unsigned char)c, 16, 2);
    }
}

static bool is_leap(uint64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

void http_put_date(struct http_text *t, uint64_t seconds)
{
    static const char names[] = "Thu\0Fri\0Sat\0Sun\0Mon\0Tue\0Wed";
    static const char months[] = "Jan\0Feb\0Mar\0Apr\0May\0Jun\0Jul\0Aug\0Sep\0Oct\0Nov\0Dec";
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t day = seconds / 86400 % 1000000; /* year 4707 is late enough: the loop has a bound */
    uint64_t year = 1970;
    unsigned month = 0;

    http_put(t, names + day % 7 * 4); /* the first day was a Thursday */
    for (; day >= 365u + is_leap(year); year++)
        day -= 365u + is_leap(year);
    for (; day >= days[month] + (month == 1 && is_leap(year)); month++)
        day -= days[month] + (month == 1 && is_leap(year));
    http_put(t, ", ");
    put_base(t, day + 1, 10, 2);
    http_put(t, " ");
    http_put(t, months + month * 4);
    http_put(t, " ");
    put_base(t, year, 10, 4);
    http_put(t, " ");
    put_base(t, seconds / 3600 % 24, 10, 2);
    http_put(t, ":");
    put_base(t, seconds / 60 % 60, 10, 2);
    http_put(t, ":");
    put_base(t, seconds % 60, 10, 2);
    http_put(t, " GMT");
}
