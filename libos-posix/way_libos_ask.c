/* Calls that ask for one number of the process, as functions that musl calls by name. */
#include "libos-posix/ask.h"
#include "libos-posix/way_libos.h"

enum {
#define CALL(number, name, arguments) NUMBER_##name = (number),
#include "libos-posix/calls.def"
#undef CALL
};

#define ASK(name)                                                                                  \
    long libos_##name(void)                                                                        \
    {                                                                                              \
        const struct task *t = task_current();                                                     \
                                                                                                   \
        return ask_is_all(t) ? ask_##name(t->process)                                              \
                             : libos_syscall(NUMBER_##name, 0, 0, 0, 0, 0, 0);                     \
    }
ASKS(ASK)
