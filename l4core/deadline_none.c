/* Times where nobody sleeps in an IPC: what is not over at once is for ever. For one variant of the
 * kernel. */
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "l4core/time.h"

uint64_t l4_deadline(unsigned time)
{
    bool zero = time != TIME_NEVER && !(time & TIME_POINT) && TIME_MANTISSA(time) == 0;

    return zero ? 0 : FOREVER;
}
