/* What lwIP asks of the system: time, chance, a place to complain. */
#include <lwip/sys.h>

#include "exo/abi/kinfo.h"
#include "libos/exit.h"
#include "libos/log.h"
#include "libos/print.h"
#include "libos/start/cpu.h"

#define STATUS_ABORTED 134 /* as of a program that a signal of abort() ended */

/* Milliseconds since some moment; wraps, as lwIP expects. */
u32_t sys_now(void)
{
    return (u32_t)(cpu_ticks() / KINFO->tsc_khz);
}

/* Numbers that a stranger cannot guess well: the time-stamp counter at moments that packets choose,
 * mixed by the finaliser of SplitMix64. Not for keys. */
uint32_t net_random(void)
{
    static uint64_t state;
    uint64_t x = state += cpu_ticks() | 1;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ x >> 31) >> 16);
}

void net_log(const char *format, ...)
{
    char line[200];
    va_list list;

    va_start(list, format);
    print_format_list(line, sizeof line, format, list);
    va_end(list);
    log_kernel_line("lwip: %s", line);
}

void net_assertion_failed(const char *what, const char *file, int line)
{
    log_kernel_line("lwip: %s (%s, line %d)", what, file, line);
    libos_exit(STATUS_ABORTED);
}
