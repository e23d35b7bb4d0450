/* The door of the core: finds the handler of a Linux call number. */
#include "libos-posix/calls.h"

#include "libos-posix/abi_errno.h"
#include "libos-posix/posix.h"
#include "libos-posix/signal.h"

#define ARGUMENTS_0
#define ARGUMENTS_1 , a1
#define ARGUMENTS_2 , a1, a2
#define ARGUMENTS_3 , a1, a2, a3
#define ARGUMENTS_4 , a1, a2, a3, a4
#define ARGUMENTS_5 , a1, a2, a3, a4, a5
#define ARGUMENTS_6 , a1, a2, a3, a4, a5, a6

/* The arguments of posix_syscall, with the process where the number was: none changes its place. */
#define CALL(number, name, arguments)                                                              \
    static long enter_##name(struct process *p, word_t a1, word_t a2, word_t a3, word_t a4,        \
                             word_t a5, word_t a6)                                                 \
    {                                                                                              \
        (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6;                                \
        return call_##name(p ARGUMENTS_##arguments);                                               \
    }
#include "libos-posix/calls.def"
#undef CALL

typedef long (*enter_function)(struct process *p, word_t a1, word_t a2, word_t a3, word_t a4,
                               word_t a5, word_t a6);

static const enter_function enter[] = {
#define CALL(number, name, arguments) [number] = enter_##name,
#include "libos-posix/calls.def"
#undef CALL
};

static long unknown(void)
{
    process_current()->arena->unknown_calls++;
    return -ENOSYS;
}

long posix_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6)
{
    size_t count = sizeof enter / sizeof enter[0];

    if ((word_t)number >= count || !enter[number])
        return unknown();
    long result = enter[number](process_current(), (word_t)a1, (word_t)a2, (word_t)a3, (word_t)a4,
                                (word_t)a5, (word_t)a6);
    if (signal_is_due(process_current()))
        signal_end_if_fatal(process_current());
    return result;
}

uint64_t posix_unknown_calls(void)
{
    return process_current()->arena->unknown_calls;
}
