/* Calls that ask for one number of the process, as functions that musl calls by name. */
#include "libos-posix/calls.h"
#include "libos-posix/signal.h"
#include "libos-posix/way_libos.h"

enum {
#define CALL(number, name, arguments) NUMBER_##name = (number),
#include "libos-posix/calls.def"
#undef CALL
};

/* The first call, and one that finds a signal due, goes the way of all. */
#define ASK(name)                                                                                  \
    long libos_##name(void)                                                                        \
    {                                                                                              \
        struct task *t = task_current();                                                           \
                                                                                                   \
        if (__builtin_expect(!t || signal_is_due(t), 0))                                           \
            return libos_syscall(NUMBER_##name, 0, 0, 0, 0, 0, 0);                                 \
        return call_##name(t->process);                                                            \
    }
ASK(getpid)
ASK(getppid)
ASK(getuid)
ASK(geteuid)
ASK(getgid)
ASK(getegid)
