/* Fake threads and processes under the personality core: coroutines that take turns. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <ucontext.h>

#include "libos-posix/base/arena.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/task.h"
#include "libos-posix/way/way_trampoline.h"
#include "tests/host/fakes/posix_port.h"
#include "tests/host/host.h"

#define STACK_BYTES  ((size_t)256 * 1024)
#define THREAD_COUNT 64u

/* The first is the test itself, which begins as the first process' task. */
static struct thread {
    struct task *task; /* NULL: not in use */
    ucontext_t context;
    void *stack;
    void (*born)(struct task *);
    bool raised; /* its semaphore */
    bool asleep;
    uint64_t deadline;
} threads[THREAD_COUNT];
static struct thread *running = &threads[0];

static struct thread *thread_of(const struct task *task)
{
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        if (threads[i].task == task)
            return &threads[i];
    return NULL;
}

void port_wake(struct task *task)
{
    struct thread *t = task ? thread_of(task) : NULL;
    if (t && !fake.loses_wakes)
        t->raised = true;
}

static bool can_run(const struct thread *t)
{
    return t->task && (!t->asleep || t->raised || t->deadline <= fake.now_ns);
}

/* The next in turn; when all sleep, time moves to the first that wakes, timers included. */
static struct thread *next_thread(void)
{
    for (;;) {
        uint64_t first;
        struct task *self = fake.self;
        fake.self = NULL; /* the keeper is none of them */
        assert_int_equal(posix_keeper_step(&first) == POSIX_KEEPER_BUSY, 0);
        fake.self = self;
        for (unsigned i = 1; i <= THREAD_COUNT; i++) {
            struct thread *t = &threads[((size_t)(running - threads) + i) % THREAD_COUNT];
            if (can_run(t))
                return t;
            if (t->task && t->deadline < first)
                first = t->deadline;
        }
        if (first == PORT_FOREVER)
            fail_msg("all tasks sleep for ever");
        fake.now_ns = first;
    }
}

static void switch_to(struct thread *next)
{
    struct thread *old = running;

    running = next;
    next->asleep = next->raised = false;
    fake.self = next->task;
    if (next != old)
        swapcontext(&old->context, &next->context);
}

void fake_run_others(uint64_t deadline_ns)
{
    if (!threads[0].task)
        threads[0].task = fake.self;
    running->deadline = deadline_ns;
    running->asleep = true;
    switch_to(next_thread());
}

static void thread_main(void)
{
    running->born(fake.self);
    fail_msg("a task went on behind its end");
}

static void start(struct task *task)
{
    if (!threads[0].task)
        threads[0].task = fake.self;
    for (unsigned i = 1; i < THREAD_COUNT; i++) {
        struct thread *t = &threads[i];
        if (t->task)
            continue;
        if (!t->stack)
            t->stack = malloc(STACK_BYTES);
        assert_non_null(t->stack);
        t->task = task;
        t->born = fake.born;
        t->asleep = t->raised = false;
        getcontext(&t->context);
        t->context.uc_stack.ss_sp = t->stack;
        t->context.uc_stack.ss_size = STACK_BYTES;
        makecontext(&t->context, thread_main, 0);
        return;
    }
    fail_msg("too many tasks");
}

long port_fork(struct task *child, const void *program)
{
    (void)program; /* nobody lends */
    start(child);
    return 1;
}

long port_thread_start(struct task *task, const struct posix_regs *regs, vaddr_t fs_base)
{
    (void)regs, (void)fs_base;
    start(task);
    return 0;
}

_Noreturn void port_thread_end(void)
{
    if (running == &threads[0])
        fail_msg("the test's own task has ended");
    running->task = NULL;
    switch_to(next_thread());
    abort();
}

_Noreturn void port_process_end(void)
{
    port_thread_end();
}

void fake_tasks_reset(void)
{
    for (unsigned i = 0; i < THREAD_COUNT; i++) {
        free(threads[i].stack);
        threads[i] = (struct thread){0};
    }
    running = &threads[0];
}
