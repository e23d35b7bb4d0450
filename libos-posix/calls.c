/* The door of the core: finds the handler of a Linux call number. */
#include "libos-posix/calls.h"

#include "libos-posix/abi_errno.h"
#include "libos-posix/posix.h"
#include "libos-posix/signal.h"

#define ARGUMENTS_0
#define ARGUMENTS_1 , a[0]
#define ARGUMENTS_2 , a[0], a[1]
#define ARGUMENTS_3 , a[0], a[1], a[2]
#define ARGUMENTS_4 , a[0], a[1], a[2], a[3]
#define ARGUMENTS_5 , a[0], a[1], a[2], a[3], a[4]
#define ARGUMENTS_6 , a[0], a[1], a[2], a[3], a[4], a[5]

#define CALL(number, name, arguments)                                                              \
    static long enter_##name(struct process *p, const word_t *a)                                   \
    {                                                                                              \
        (void)a;                                                                                   \
        return call_##name(p ARGUMENTS_##arguments);                                               \
    }
#include "libos-posix/calls.def"
#undef CALL

typedef long (*enter_function)(struct process *p, const word_t *a);

static const enter_function enter[] = {
#define CALL(number, name, arguments) [number] = enter_##name,
#include "libos-posix/calls.def"
#undef CALL
};

long posix_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6)
{
    struct process *p = process_current();
    const word_t a[6] = {(word_t)a1, (word_t)a2, (word_t)a3, (word_t)a4, (word_t)a5, (word_t)a6};
    size_t count = sizeof enter / sizeof enter[0];

    if ((word_t)number >= count || !enter[number]) {
        p->arena->unknown_calls++;
        return -ENOSYS;
    }
    long result = enter[number](p, a);
    signal_end_if_fatal(p);
    return result;
}

uint64_t posix_unknown_calls(void)
{
    return process_current()->arena->unknown_calls;
}
