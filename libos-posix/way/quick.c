/* Quick calls: which they are, and who asks. */
#include "libos-posix/way/quick.h"

#include "libos-posix/process/task.h"
#include "libos-posix/way/way_trampoline.h"

enum {
#define CALL(number, name, arguments) NUMBER_##name = (number),
#include "libos-posix/calls/calls.def"
#undef CALL
};

#define NEVER(number) [number] = QUICK_NEVER,

const uint16_t quick_offsets[QUICK_NUMBERS] = {
    POSIX_ALL_REGISTERS(NEVER)[NUMBER_getpid] = offsetof(struct process, pid),
    [NUMBER_getppid] = offsetof(struct process, parent_pid),
    [NUMBER_getuid] = offsetof(struct process, who.uid),
    [NUMBER_geteuid] = offsetof(struct process, who.euid),
    [NUMBER_getgid] = offsetof(struct process, who.gid),
    [NUMBER_getegid] = offsetof(struct process, who.egid),
};

void quick_set(const struct task *t)
{
    const struct process *p = t ? t->process : NULL;
    const vaddr_t page = (vaddr_t)cpu_utcb_mr() - UTCB_MR;

    *(const struct process **)(page + UTCB_GS + GS_QUICK) = p && !p->arena->traces ? p : NULL;
}
