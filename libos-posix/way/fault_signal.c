/* Which signal an exception is. */
#include "libos-posix/abi/process.h"
#include "libos-posix/way/fault.h"

/* Exceptions and what Linux makes of them. */
enum { DIVIDE = 0, DEBUG = 1, BREAKPOINT = 3, UNDEFINED = 6, X87 = 16, ALIGNMENT = 17, SIMD = 19 };

unsigned fault_signal(uint64_t vector)
{
    switch (vector) {
    case DIVIDE:
    case X87:
    case SIMD:
        return SIGFPE;
    case DEBUG:
    case BREAKPOINT:
        return SIGTRAP;
    case UNDEFINED:
        return SIGILL;
    case ALIGNMENT:
        return SIGBUS;
    default:
        return SIGSEGV;
    }
}
