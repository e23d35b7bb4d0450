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
    struct sleep_link *head = task_sleepers(a, t->channel), *last = head->prev;

    t->sleep = (struct sleep_link){head, last};
    head->prev = last->next = &t->sleep;
}

static void sleepers_remove(struct task *t)
{
    t->sleep.next->prev = t->sleep.prev;
    t->sleep.prev->next = t->sleep.next;
}

void task_move_sleeper(struct arena *a, struct task *t, const void *channel)
{
    sleepers_remove(t);
    t->channel = channel;
    sleepers_add(a, t);
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
    if (!t->woken)
        sleepers_remove(t);
    t->channel = NULL;
    t->wants_console = t->only_end_wakes = false;
    t->until_real = 0;
    return result;
}

void task_clock_moved(const struct arena *a)
{
    for (unsigned i = 1; i < TASK_COUNT && a->tasks[i]; i++)
        if (a->tasks[i]->process && a->tasks[i]->until_real)
            port_wake(a->tasks[i]);
}

void task_forget_sleep(struct task *t)
{
    if (t->channel && !t->woken)
        sleepers_remove(t);
    t->channel = NULL;
}

/* Who has waited longest is not known any more. */
void task_restore_sleepers(struct arena *a)
{
    for (unsigned i = 0; i < SLEEP_BUCKETS; i++)
        a->sleepers[i] = (struct sleep_link){&a->sleepers[i], &a->sleepers[i]};
    for (unsigned i = 1; i < TASK_COUNT && a->tasks[i]; i++)
        if (a->tasks[i]->process && a->tasks[i]->channel && !a->tasks[i]->woken)
            sleepers_add(a, a->tasks[i]);
}

/* All who poll sleep on this one, which is no address, so that its hash is known here. */
#define POLL_CHANNEL ((const void *)2)

long task_sleep_poll(struct task *t, uint64_t deadline)
{
    return task_sleep(t, POLL_CHANNEL, deadline);
}

static inline void wake(struct sleep_link *head, const void *channel)
{
    struct sleep_link *next;

    for (struct sleep_link *l = head->next; l != head; l = next) {
        next = l->next;
        if (task_of_sleep(l)->channel == channel)
            task_wake_one(task_of_sleep(l));
    }
}

void task_wake(struct arena *a, const void *channel)
{
    wake(task_sleepers(a, channel), channel);
}

void task_wake_pollers(struct arena *a, const void *channel)
{
    ++*activity_of(a, channel);
    wake(task_sleepers(a, channel), channel);
    wake(task_sleepers(a, POLL_CHANNEL), POLL_CHANNEL);
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

static const char *check_sleepers(const struct arena *a)
{
    size_t listed = 0, asleep = 0;

    for (unsigned i = 0; i < SLEEP_BUCKETS; i++) {
        const struct sleep_link *head = &a->sleepers[i];
        if (!head->next || head->next->prev != head)
            return "T3: the sleepers are not linked both ways";
        for (struct sleep_link *l = head->next; l != head; l = l->next) {
            const struct task *t = task_of_sleep(l);
            if (++listed > TASK_COUNT)
                return "T3: a ring of sleepers does not come back";
            if (!t->channel || t->woken || task_sleepers((struct arena *)a, t->channel) != head)
                return "T3: a task is among sleepers that it does not belong to";
            if (!l->next || l->next->prev != l)
                return "T3: the sleepers are not linked both ways";
        }
    }
    for (unsigned i = 1; i < TASK_COUNT && a->tasks[i]; i++) {
        const struct task *t = a->tasks[i];
        asleep += t->process && t->channel && !t->woken;
    }
    return listed == asleep ? NULL : "T3: a task sleeps that nobody finds";
}

const char *task_check(const struct arena *a)
{
    const char *broken = check_sleepers(a);

    return broken ? broken : check_processes(a);
}
