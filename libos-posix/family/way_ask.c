/* Reflected calls that ask for one number of the process, with no more registers than that needs.
 */
#include "libos/start/integer.h"

#include "libos-posix/ask.h"
#include "libos-posix/family/way.h"

enum {
#define CALL(number, name, arguments) NUMBER_##name = (number),
#include "libos-posix/calls.def"
#undef CALL
};

KEEPS_REGISTERS long way_ask(long number)
{
    const struct task *t = task_current();

    if (!ask_is_all(t))
        return SYSCALL_NOT_LIGHT;
    switch (number) {
#define ASK(name)                                                                                  \
    case NUMBER_##name:                                                                            \
        return ask_##name(t->process);
        ASKS(ASK)
#undef ASK
    default:
        return SYSCALL_NOT_LIGHT;
    }
}
