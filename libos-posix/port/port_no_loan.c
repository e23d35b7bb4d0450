/* The port to platforms where a thread acts for one process, so that a child of vfork is a copy;
 * and where a process keeps its environment for ever. */
#include "libos-posix/port.h"

bool port_can_lend(void)
{
    return false;
}

bool port_renew(const void *program)
{
    (void)program;
    return false;
}

void port_settle(void)
{
}

vaddr_t port_get_fs(void)
{
    __builtin_trap();
}

_Noreturn void port_go_on(const struct posix_regs *regs, const uint8_t *vectors)
{
    (void)regs, (void)vectors;
    __builtin_trap();
}
