/* Calls that ask for one number of the process, as functions that musl calls by name. */
#include "libos-posix/way/quick.h"
#include "libos-posix/way/way_libos.h"

enum {
#define CALL(number, name, arguments) NUMBER_##name = (number),
#include "libos-posix/calls/calls.def"
#undef CALL
};

#define ASK(name, field)                                                                           \
    long libos_##name(void)                                                                        \
    {                                                                                              \
        const struct process *p = quick_process();                                                 \
                                                                                                   \
        return p ? quick_answer(p, offsetof(struct process, field))                                \
                 : libos_syscall(NUMBER_##name, 0, 0, 0, 0, 0, 0);                                 \
    }
ASK(getpid, pid)
ASK(getppid, parent_pid)
ASK(getuid, who.uid)
ASK(geteuid, who.euid)
ASK(getgid, who.gid)
ASK(getegid, who.egid)
