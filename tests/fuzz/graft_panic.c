/* A broken belief of the kernel's code ends a fuzzer. */
#include <stdio.h>
#include <stdlib.h>

#include "exo/base/assert.h"

_Noreturn void panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
    abort();
}
