/* Results of a guest test as TAP lines on the console. */
#include "tests/qemu/tap.h"

#include "libos/log.h"

static unsigned planned, made, bad;

void tap_plan(unsigned count)
{
    planned = count;
    log_line("TAP version 13");
    log_line("1..%u", count);
}

bool tap_ok(bool good, const char *what)
{
    made++;
    bad += !good;
    log_line("%sok %u - %s", good ? "" : "not ", made, what);
    return good;
}

bool tap_is(uint64_t got, uint64_t want, const char *what)
{
    if (!tap_ok(got == want, what))
        log_line("# got %lu (0x%lx), want %lu (0x%lx)", got, got, want, want);
    return got == want;
}

int tap_done(void)
{
    return bad || made != planned;
}
