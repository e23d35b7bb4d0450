/* From trap to handler: refuses unknown numbers and arguments that are too wide, then calls. */
#include "exo/arch/upward.h"
#include "exo/base/assert.h"
#include "exo/entry/handlers.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"

#define IS_SAVED(number)    (trap_saved_calls[(number) / 64] >> (number) % 64 & 1)
#define RETURNS_STRAIGHT(e) ((e) < CALL_NO_REPLY)
/* May end with another thread running. */
#define PREEMPTS(number) ((number) == SYS_notify || (number) == SYS_notify_wait)

/* Calls whose common form is tried first, with the registers as they came. */
#define IS_QUICK(number)                                                                           \
    ((number) == SYS_page_bind_run || (number) == SYS_page_protect_run ||                          \
     (number) == SYS_page_unbind_run)

/* The transfers look at their caller's registers; those that take back, or move another thread, may
 * be entered again; who moves himself is saved. */
#define IN_WORD(w, number) ((number) / 64 == (w) ? (uint64_t)1 << (number) % 64 : 0)
#define SAVED_WORD(w)                                                                              \
    (IN_WORD(w, SYS_pct_call) | IN_WORD(w, SYS_pct_send) | IN_WORD(w, SYS_pct_return) |            \
     IN_WORD(w, SYS_cap_delete) | IN_WORD(w, SYS_cap_revoke) | IN_WORD(w, SYS_revoke_ask) |        \
     IN_WORD(w, SYS_revoke_look) | IN_WORD(w, SYS_revoke_guarantee) |                              \
     IN_WORD(w, SYS_table_unshare) | IN_WORD(w, SYS_thread_place))
const uint64_t trap_saved_calls[4] = {SAVED_WORD(0), SAVED_WORD(1), SAVED_WORD(2), SAVED_WORD(3)};

/* May be entered again, and then put their arguments back by themselves. */
#define PUTS_BACK(number) ((number) == SYS_page_unbind || (number) == SYS_page_unbind_run)

bool trap_lock(void)
{
    struct cpu *c = cpu_this();

    if (forest_lock_for(c->current))
        return true;
    __atomic_fetch_add(&counts_at(0, c->number)->calls, 1, __ATOMIC_RELAXED);
    return false;
}

void trap_unlock(void)
{
    forest_unlock();
}

/* Something else than returning to `caller` is to be done. */
static __attribute__((noinline, cold)) struct reply leave(struct thread *caller, struct reply reply)
{
    if (cpu_this()->current != caller)
        return (struct reply){CALL_LOST, 0};
    if (!RETURNS_STRAIGHT(reply.error))
        return reply;
    thread_reply(caller, reply.error, reply.result);
    return (struct reply){CALL_NO_REPLY, 0};
}

static inline struct reply checked(struct reply reply)
{
    INVARIANT(hook_check());
    return reply;
}

static inline struct reply finish(struct cpu *c, struct thread *caller, struct reply reply)
{
    checked(reply);
    if (!c->choose && RETURNS_STRAIGHT(reply.error))
        return reply;
    return leave(caller, reply);
}

/* Decode. A register that does not fit its field is an error, never a truncation. */
#define ARG(type, field)                                                                           \
    a.field = (type)reg[n];                                                                        \
    if (a.field != reg[n++])                                                                       \
        return finish(c, caller, (struct reply){ERR_BAD_ARG, 0});
#define SYSCALL(number, name, args)                                                                \
    static __attribute__((noinline)) struct reply call_##name(word_t r0, word_t r1, word_t r2,     \
                                                              word_t r3, word_t r4, word_t r5)     \
    {                                                                                              \
        const word_t reg[SYS_MAX_ARGS] = {r0, r1, r2, r3, r4, r5};                                 \
        struct sys_##name##_args a = {.end_of_arguments = 0};                                      \
        struct cpu *c = cpu_this();                                                                \
        struct thread *caller = c->current;                                                        \
        struct reply reply = {0, 0};                                                               \
        unsigned n = 0;                                                                            \
        if (!IS_QUICK(number))                                                                     \
            caller->counts->calls++; /* it may go with what it takes */                            \
        (void)reg;                                                                                 \
        (void)n;                                                                                   \
        args int e = sys_##name(caller, &a, &reply.result);                                        \
        ASSERT(e != CALL_AGAIN || IS_SAVED(number) || PUTS_BACK(number));                          \
        reply.error = (word_t)e;                                                                   \
        return PREEMPTS(number) && e == CALL_PREEMPTED ? checked(reply)                            \
                                                       : finish(c, caller, reply);                 \
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

#define QUICK(name, ...)                                                                           \
    static struct reply quick_##name(word_t r0, word_t r1, word_t r2, word_t r3, word_t r4,        \
                                     word_t r5)                                                    \
    {                                                                                              \
        struct cpu *c = cpu_this();                                                                \
        c->current->counts->calls++;                                                               \
        if (c->choose || !hook_##name(c->current, __VA_ARGS__))                                    \
            return call_##name(r0, r1, r2, r3, r4, r5);                                            \
        return checked((struct reply){ERR_OK, 1});                                                 \
    }
QUICK(page_bind_run, r0, r1, r2, r3)
QUICK(page_protect_run, r0, r1, r2)
QUICK(page_unbind_run, r0, r1)
#undef QUICK

static struct reply call_nothing(word_t r0, word_t r1, word_t r2, word_t r3, word_t r4, word_t r5)
{
    struct cpu *c = cpu_this();

    (void)r0, (void)r1, (void)r2, (void)r3, (void)r4, (void)r5;
    c->current->counts->calls++;
    return finish(c, c->current, (struct reply){ERR_BAD_CALL, 0});
}

/* Every number has a function, so that nobody needs to ask. */
#pragma GCC diagnostic ignored "-Woverride-init"
__extension__ const trap_fn trap_calls[256] = {
    [0 ... 255] = call_nothing,
#define SYSCALL(number, name, args) [number] = call_##name,
#include "exo/abi/syscalls.def"
#undef SYSCALL
    [SYS_page_bind_run] = quick_page_bind_run,
    [SYS_page_protect_run] = quick_page_protect_run,
    [SYS_page_unbind_run] = quick_page_unbind_run,
};
