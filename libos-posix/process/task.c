/* Tasks: making and finding them, sleeping and waking. */
#include "libos-posix/process/task.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/channel/async.h"
#include "libos-posix/channel/event.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/process/timer.h"

#define PID_MAX 32768 /* as Linux's default: numbers begin again behind it */

static struct task *free_task(struct arena *a)
{
    for (unsigned i = 1; i < TASK_COUNT; i++) {
        struct task *t = a->tasks[i];
        if (t && t->process)
            continue;
        if (!t)
            t = core_heap_alloc(&a->heap, sizeof *t);
        if (t)
            *t = (struct task){.index = i, .port = t->port};
        a->tasks[i] = t;
        return t;
    }
    return NULL;
}

struct task *task_create(struct arena *a, struct process *p, int32_t tid)
{
    struct task *t = free_task(a);
    if (!t)
        return NULL;

    struct port_task fresh = {{0}};
    t->port = fresh;
    t->process = p;
    t->tid = tid ? tid : task_new_number(a);
    t->stack.flags = SS_DISABLE;
    struct task **end = &p->tasks;
    while (*end)
        end = &(*end)->next;
    *end = t;
    p->task_count++;
    return t;
}

void task_free(struct task *t)
{
    struct process *p = t->process;

    for (struct task **at = &p->tasks; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    p->task_count--;
    signal_forget(p->arena, &t->pending, UINT64_MAX);
    t->next = NULL;
    t->process = NULL;
}

struct task *task_find(const struct arena *a, int32_t tid)
{
    for (unsigned i = 1; i < TASK_COUNT && a->tasks[i]; i++)
        if (a->tasks[i]->process && a->tasks[i]->tid == tid)
            return a->tasks[i];
    return NULL;
}

static bool number_is_used(const struct arena *a, int32_t number)
{
    for (const struct process *p = a->processes; p; p = p->next)
        if (p->pid == number || p->group == number || p->session == number)
            return true;
    return task_find(a, number) != NULL;
}

int32_t task_new_number(struct arena *a)
{
    do
        a->last_pid = a->last_pid < PID_MAX ? a->last_pid + 1 : 2;
    while (number_is_used(a, a->last_pid));
    return a->last_pid;
}

static void sleepers_add(struct arena *a, struct task *t)
{
    t->sleep_next = NULL;
    t->sleep_prev = a->last_sleeper;
    if (a->last_sleeper)
        a->last_sleeper->sleep_next = t;
    else
        a->sleepers = t;
    a->last_sleeper = t;
}

static void sleepers_remove(struct arena *a, struct task *t)
{
    if (t->sleep_prev)
        t->sleep_prev->sleep_next = t->sleep_next;
    else
        a->sleepers = t->sleep_next;
    if (t->sleep_next)
        t->sleep_next->sleep_prev = t->sleep_prev;
    else
        a->last_sleeper = t->sleep_prev;
    t->sleep_next = t->sleep_prev = NULL;
}

/* Without a keeper a sleeper must also do what is due at certain times, and a wait for nothing
 * that could come is refused. */
static bool nobody_can_wake(const struct task *t, uint64_t end)
{
    return end == PORT_FOREVER && !t->wants_console && !port_has_keeper() &&
           t->process->task_count == 1;
}

static bool must_wake(const struct task *t)
{
    return t->only_end_wakes ? t->ending || t->process->ending : signal_is_due(t);
}

static uint64_t deadline_of(const struct task *t, uint64_t deadline)
{
    if (!t->until_real)
        return deadline;
    const uint64_t now = arena_now(), monotonic = port_monotonic_ns();
    const uint64_t length = t->until_real > now ? t->until_real - now : 0;
    return length > PORT_FOREVER - monotonic ? PORT_FOREVER : monotonic + length;
}

long task_sleep(struct task *t, const void *channel, uint64_t given)
{
    struct arena *a = t->process->arena;
    long result = 0;

    t->channel = channel;
    t->woken = false;
    sleepers_add(a, t);
    while (!t->woken && !result) {
        const uint64_t deadline = deadline_of(t, given);
        uint64_t end = deadline;
        if (!port_has_keeper()) {
            uint64_t next = timer_run(a);
            end = next < end ? next : end;
        }
        if (t->woken)
            break;
        if (must_wake(t))
            result = -RESTART;
        else if (deadline != PORT_FOREVER && port_monotonic_ns() >= deadline)
            result = -ETIMEDOUT;
        else if (nobody_can_wake(t, end))
            result = -EDEADLK;
        if (result)
            break;
        lock_release_of(a, t);
        port_sleep(end, t->wants_console);
        lock_take_of(a, t);
        if (t->wants_console && !port_has_keeper())
            break; /* the caller looks whether there is input */
    }
    sleepers_remove(a, t);
    t->channel = NULL;
    t->wants_console = t->only_end_wakes = false;
    t->until_real = 0;
    return result;
}

void task_clock_moved(const struct arena *a)
{
    for (struct task *t = a->sleepers; t; t = t->sleep_next)
        if (t->until_real)
            port_wake(t);
}

void task_forget_sleep(struct task *t)
{
    if (t->channel)
        sleepers_remove(t->process->arena, t);
    t->channel = NULL;
}

/* All who poll sleep on this one. */
static const void *poll_channel(const struct arena *a)
{
    return &a->sleepers;
}

long task_sleep_poll(struct task *t, uint64_t deadline)
{
    return task_sleep(t, poll_channel(t->process->arena), deadline);
}

static void wake(struct arena *a, const void *channel, const void *other)
{
    for (struct task *t = a->sleepers; t; t = t->sleep_next)
        if (!t->woken && (t->channel == channel || t->channel == other)) {
            t->woken = true;
            port_wake(t);
        }
}

void task_wake(struct arena *a, const void *channel)
{
    wake(a, channel, channel);
}

void task_wake_pollers(struct arena *a, const void *channel)
{
    ++*activity_of(a, channel);
    wake(a, channel, poll_channel(a));
    if (a->asyncs)
        async_tell(a, channel);
}

/* The caller is in the core, and looks at its signals before it leaves. */
void task_kick(struct task *t)
{
    if (t != task_current())
        port_wake(t);
}

void task_wake_again(struct arena *a)
{
    for (unsigned i = 1; i < TASK_COUNT && a->tasks[i]; i++) {
        struct task *t = a->tasks[i];
        if (t->process && ((t->channel && t->woken) || signal_is_due(t)))
            port_wake(t);
    }
}

static const char *check_processes(const struct arena *a)
{
    size_t listed = 0, used = 0;

    for (const struct process *p = a->processes; p; p = p->next) {
        unsigned count = 0;
        for (const struct task *t = p->tasks; t && count <= TASK_COUNT; t = t->next, count++)
            if (t->process != p)
                return "T1: a task is in the list of a process that is not its own";
        if (count != p->task_count)
            return "T1: a process counts its tasks wrongly";
        if (p->ended != (count == 0))
            return "T4: a process without tasks has not ended, or one with tasks has";
        listed += count;
    }
    for (unsigned i = 0; i < TASK_COUNT && a->tasks[i]; i++) {
        if (a->tasks[i]->index != i)
            return "T2: a task does not know its index";
        used += a->tasks[i]->process != NULL;
    }
    return listed == used ? NULL : "T1: a task is not in the list of its process";
}

const char *task_check(const struct arena *a)
{
    size_t count = 0;

    for (const struct task *t = a->sleepers; t; t = t->sleep_next) {
        if (!t->channel || ++count > TASK_COUNT)
            return "T3: a sleeper has no channel, or the list has a loop";
        if (t->sleep_next && t->sleep_next->sleep_prev != t)
            return "T3: the sleepers are not linked both ways";
    }
    return check_processes(a);
}
