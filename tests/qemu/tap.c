/* TAP from inside the guest. */
#include "tests/qemu/tap.h"

#include <stdarg.h>

#include "libos/log.h"
#include "libos/print.h"

static unsigned planned, made, bad;

void tap_plan(unsigned count)
{
    planned = count;
    log_line("TAP version 13");
    log_line("1..%u", count);
}

bool tap_ok(bool good, const char *what)
{
    if (!made && !planned)
        log_line("TAP version 13");
    made++;
    bad += !good;
    log_line("%sok %u - %s", good ? "" : "not ", made, what);
    return good;
}

bool tap_equal(long got, long want, const char *what)
{
    if (!tap_ok(got == want, what))
        log_line("# got %ld (0x%lx), want %ld (0x%lx)", got, (unsigned long)got, want,
                 (unsigned long)want);
    return got == want;
}

void tap_note(const char *format, ...)
{
    char text[256];
    va_list list;

    va_start(list, format);
    print_format_list(text, sizeof text, format, list);
    va_end(list);
    log_line("# %s", text);
}

int tap_done(void)
{
    if (!planned)
        log_line("1..%u", made);
    return bad != 0 || made == 0 || (planned && made != planned);
}
