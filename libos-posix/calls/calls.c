/* The door of the core: finds the handler of a Linux call number. */
#include "libos-posix/calls/calls.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/calls/trace.h"

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
#include "libos-posix/calls/calls.def"
#undef CALL

typedef long (*enter_function)(struct process *p, word_t a1, word_t a2, word_t a3, word_t a4,
                               word_t a5, word_t a6);

static const enter_function enter[] = {
#define CALL(number, name, arguments) [number] = enter_##name,
#include "libos-posix/calls/calls.def"
#undef CALL
};

static long unknown(const struct task *t)
{
    trace_missing(t->process->arena, t->call);
    return -ENOSYS;
}

static bool is_known(long number)
{
    return (word_t)number < sizeof enter / sizeof enter[0] && enter[number];
}

/* Performs the call that the task has in its `call` and `arguments`. */
static long perform(struct task *t)
{
    const word_t *a = t->arguments;

    return is_known(t->call) ? enter[t->call](t->process, a[0], a[1], a[2], a[3], a[4], a[5])
                             : unknown(t);
}

/* Is there more to be done than to give the lock back? Of results that are errors some are none
 * that begin again. */
static inline bool has_more(const struct task *t, long result)
{
    return (word_t)(result + RESTART_SAME_END) <= RESTART_SAME_END - RESTART || signal_is_due(t) ||
           t->restore_blocked;
}

/* What follows a call: signals; and one that a signal interrupted for which no handler runs is
 * performed again. fork returns in the child too, so the task is asked for anew. */
static __attribute__((noinline)) long settle(long result)
{
    for (;;) {
        struct task *t = task_current();
        bool handler = signal_is_due(t) && signal_settle(t);
        if (t->restore_blocked && !handler) {
            t->restore_blocked = false;
            signal_block(t, t->blocked_before);
            handler = signal_settle(t);
        }
        t->restarted = is_restart(result) && !handler;
        if (!t->restarted)
            return result;
        result = perform(t);
    }
}

/* The rest of posix_call, for calls that are not plain. What is due only because of a signal is the
 * way's to settle, which looks for a handler anyway. */
static __attribute__((noinline)) struct posix_done call_settle(struct task *t, long result)
{
    if (is_restart(result) || t->restore_blocked || t->process->lender) {
        result = settle(result);
        t = task_current(); /* a borrower has got a thread of its own */
    }
    lock_release_of(t->process->arena, t);
    return (struct posix_done){result, true};
}

static __attribute__((noinline)) struct posix_done call_all(struct task *t, word_t a1, word_t a2,
                                                            word_t a3, word_t a4, word_t a5,
                                                            word_t a6, long number)
{
    const word_t a[6] = {a1, a2, a3, a4, a5, a6};

    lock_take(t);
    t->call = number;
    memcpy(t->arguments, a, sizeof a);
    return call_settle(t, perform(t));
}

/* Arguments stay in their registers up to the handler, so nothing else is called before. */
struct posix_done posix_call(struct task *self, word_t a1, word_t a2, word_t a3, word_t a4,
                             word_t a5, word_t a6, long number)
{
    struct arena *arena = self->process->arena;

    if (!is_known(number) || !lock_take_free(arena, self))
        return call_all(self, a1, a2, a3, a4, a5, a6, number);
    self->call = number;
    self->arguments[0] = a1;
    self->arguments[1] = a2;
    self->arguments[2] = a3;
    self->arguments[3] = a4;
    self->arguments[4] = a5;
    self->arguments[5] = a6;
    const long result = enter[number](self->process, a1, a2, a3, a4, a5, a6);
    if (has_more(self, result))
        return call_settle(self, result);
    lock_release_of(self->process->arena, self);
    return (struct posix_done){result, false};
}

long posix_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6)
{
    const word_t a[6] = {(word_t)a1, (word_t)a2, (word_t)a3, (word_t)a4, (word_t)a5, (word_t)a6};
    struct task *t = task_current();
    struct arena *arena = t->process->arena;

    if (arena->traces)
        trace_enter(number, a);
    lock_take_of(arena, t);
    t->call = number;
    memcpy(t->arguments, a, sizeof t->arguments);
    long result = perform(t);
    t = task_current();
    if (has_more(t, result)) {
        result = settle(result);
        t = task_current();
    }
    lock_release_of(arena, t);
    if (arena->traces)
        trace_leave(number, a, result);
    return result;
}

uint64_t posix_unknown_calls(void)
{
    return arena_get()->unknown_calls;
}
