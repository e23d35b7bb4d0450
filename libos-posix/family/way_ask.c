/* Reflected calls that ask for one number of the process, with no more registers than that needs.
 */
#include "libos/start/integer.h"

#include "libos-posix/family/way.h"
#include "libos-posix/way/quick.h"

KEEPS_REGISTERS long way_ask(long number)
{
    const struct process *p = quick_process();
    const uint16_t offset = (word_t)number < QUICK_NUMBERS ? quick_offsets[number] : 0;

    return p && offset ? quick_answer(p, offset) : SYSCALL_NOT_LIGHT;
}
