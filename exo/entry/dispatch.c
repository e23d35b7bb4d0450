/* From trap to handler: refuses unknown numbers and arguments that are too wide, then calls. */
#include "exo/entry/dispatch.h"

#include "exo/base/assert.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/hooks.h"

/* Decode. A register that does not fit its field is an error, never a truncation. */
#define ARG(type, field)                                                                           \
    a.field = (type)regs_argument(r, n);                                                           \
    if (a.field != regs_argument(r, n++))                                                          \
        return ERR_BAD_ARG;
#define SYSCALL(number, name, args)                                                                \
    static int enter_##name(struct thread *caller, const struct regs *r, word_t *result)           \
    {                                                                                              \
        struct sys_##name##_args a = {.end_of_arguments = 0};                                      \
        unsigned n = 0;                                                                            \
        (void)r;                                                                                   \
        (void)n;                                                                                   \
        args return sys_##name(caller, &a, result);                                                \
    }
#include "exo/abi/syscalls.def"
#undef SYSCALL
#undef ARG

#define ARG(type, field) +1u
#define SYSCALL(number, name, args)                                                                \
    _Static_assert((0u args) <= SYS_MAX_ARGS, #name " has too many arguments");
#include "exo/abi/syscalls.def"
#undef SYSCALL
#undef ARG

static int (*const enter[])(struct thread *, const struct regs *, word_t *) = {
#define SYSCALL(number, name, args) [number] = enter_##name,
#include "exo/abi/syscalls.def"
#undef SYSCALL
};

int dispatch(struct thread *caller, word_t number, const struct regs *r, word_t *result)
{
    if (number >= sizeof enter / sizeof enter[0] || !enter[number])
        return ERR_BAD_CALL;
    if (!forest_lock_for(caller))
        return CALL_NO_REPLY;
    int e = enter[number](caller, r, result);
    INVARIANT(hook_check());
    forest_unlock();
    return e;
}
