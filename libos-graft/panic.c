/* How the checker's code ends a program when it finds itself wrong, as it ends the kernel. */
#include "exo/base/assert.h"

#include "libos/exit.h"
#include "libos/log.h"

#define STATUS 70 /* EX_SOFTWARE of sysexits.h */

_Noreturn void panic(const char *file, int line, const char *what)
{
    log_error_line("graft: %s:%d: %s does not hold", file, line, what);
    libos_exit(STATUS);
}
