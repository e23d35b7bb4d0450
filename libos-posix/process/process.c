/* Processes: birth, end, and the list of them. */
#include "libos-posix/process/process.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/file/proc.h"
#include "libos-posix/process/aio.h"
#include "libos-posix/process/loan.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/process/task.h"
#include "libos-posix/channel/terminal.h"
#include "libos-posix/process/timer.h"
#include "libos-posix/channel/sysv.h"

#define STACK_LIMIT (8u * 1024 * 1024)
#define FIRST_PID   1

static void text_drop(struct process *p)
{
    if (p->text && --p->text->holders == 0)
        core_heap_free(&p->arena->heap, p->text, sizeof *p->text);
    p->text = NULL;
}

bool process_own_text(struct process *p)
{
    const struct program_text *old = p->text;

    if (old && old->holders == 1)
        return true;
    struct program_text *new = core_heap_take(&p->arena->heap, sizeof *new);
    if (!new)
        return false;
    new->holders = 1;
    new->command_line_bytes = 0;
    new->exe[0] = 0;
    if (old) {
        size_t bytes = 0;
        while (old->exe[bytes++])
            ;
        memcpy(new->exe, old->exe, bytes);
        memcpy(new->command_line, old->command_line, old->command_line_bytes);
        new->command_line_bytes = old->command_line_bytes;
    }
    text_drop(p);
    p->text = new;
    return true;
}

static void init_first(struct process *p)
{
    p->pid = p->group = p->session = FIRST_PID;
    p->umask = 022;
    p->root = p->cwd = p->arena->root;
    for (unsigned i = 0; i < RLIMIT_COUNT; i++)
        p->limits[i] = (struct linux_rlimit){RLIM_INFINITY, RLIM_INFINITY};
    p->limits[RLIMIT_NOFILE] = (struct linux_rlimit){DESCRIPTOR_COUNT, DESCRIPTOR_COUNT};
    p->limits[RLIMIT_STACK].current = STACK_LIMIT;
    p->limits[RLIMIT_NPROC] = (struct linux_rlimit){TASK_COUNT - 1, TASK_COUNT - 1};
    p->limits[RLIMIT_SIGPENDING] = (struct linux_rlimit){1024, 1024};
    p->limits[RLIMIT_MSGQUEUE] = (struct linux_rlimit){819200, 819200};
    p->limits[RLIMIT_CORE].current = 0;
}

bool process_copy_memory(struct process *p)
{
    const struct process *from = process_memory_of(p->lender);

    if (!area_copy_all(p, from))
        return false;
    p->break_low = from->break_low;
    p->break_now = from->break_now;
    return true;
}

static bool inherit(struct process *p, struct process *parent, bool borrows)
{
    p->lender = parent;
    if (!borrows) {
        if (!process_copy_memory(p))
            return false;
        p->lender = NULL;
    }
    p->group = parent->group;
    p->session = parent->session;
    p->who = parent->who;
    p->umask = parent->umask;
    p->nice = parent->nice;
    p->root = parent->root;
    p->cwd = parent->cwd;
    memcpy(p->action, parent->action, sizeof p->action);
    memcpy(p->limits, parent->limits, sizeof p->limits);
    p->text = parent->text;
    p->text->holders++;
    p->descriptor_end = parent->descriptor_end;
    memcpy(p->descriptors, parent->descriptors, p->descriptor_end * sizeof p->descriptors[0]);
    for (unsigned i = 0; i < p->descriptor_end; i++)
        if (p->descriptors[i].file)
            file_hold(p->descriptors[i].file);
    return true;
}

struct process *process_create(struct arena *a, struct process *parent, bool borrows)
{
    struct process *p = core_heap_take(&a->heap, sizeof *p);
    if (!p)
        return NULL;

    memset(p, 0, offsetof(struct process, descriptors));
    p->arena = a;
    p->exit_signal = SIGCHLD;
    p->started_ns = port_monotonic_ns();
    for (unsigned i = 0; i < 3; i++)
        p->intervals[i].next = PORT_FOREVER;
    if (parent ? !inherit(p, parent, borrows) : !process_own_text(p)) {
        core_heap_free(&a->heap, p, sizeof *p);
        return NULL;
    }
    if (parent) {
        p->parent = parent;
        p->parent_pid = parent->pid;
        p->sibling = parent->children;
        parent->children = p;
    } else {
        init_first(p);
    }
    node_hold(p->root);
    node_hold(p->cwd);
    process_runs(p, parent ? parent->program : NULL);
    p->next = a->processes;
    a->processes = p;
    if (parent)
        p->pid = task_new_number(a);
    return p;
}

void process_runs(struct process *p, struct node *n)
{
    struct node *old = p->program;

    if (n) {
        node_hold(n);
        n->running++;
    }
    p->program = n;
    if (old) {
        old->running--;
        node_drop(p->arena, old);
    }
}

static void release_all(struct process *p)
{
    for (unsigned fd = 0; fd < p->descriptor_end; fd++)
        file_close(p, fd); /* EBADF: nothing was there */
    area_forget_all(p);
    timer_forget_all(p);
    aio_forget_all(p);
    sysv_process_ends(p);
    signal_forget(p->arena, &p->pending, UINT64_MAX);
    process_runs(p, NULL);
    if (p->cwd)
        node_drop(p->arena, p->cwd);
    if (p->root)
        node_drop(p->arena, p->root);
    p->root = p->cwd = NULL;
}

static void unlink_from_parent(struct process *p)
{
    if (!p->parent)
        return;
    for (struct process **at = &p->parent->children; *at; at = &(*at)->sibling)
        if (*at == p) {
            *at = p->sibling;
            return;
        }
}

void process_free(struct process *p)
{
    struct arena *a = p->arena;

    proc_forget(p);
    release_all(p);
    unlink_from_parent(p);
    for (struct process **at = &a->processes; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    text_drop(p);
    core_heap_free(&a->heap, p, sizeof *p);
}

struct process *process_find(const struct arena *a, int32_t pid)
{
    for (struct process *p = a->processes; p; p = p->next)
        if (p->pid == pid)
            return p;
    return NULL;
}

bool process_group_exists(const struct arena *a, int32_t group, int32_t session)
{
    for (const struct process *p = a->processes; p; p = p->next)
        if (p->group == group && p->session == session)
            return true;
    return false;
}

void process_kill(struct process *p, int status)
{
    if (p->ending || p->ended)
        return;
    p->ending = true;
    p->status = status;
    for (struct task *t = p->tasks; t; t = t->next) {
        loan_call_in(t);
        task_kick(t);
    }
}

uint64_t process_cpu_ns(const struct process *p)
{
    return p->ended ? p->used_ns : port_cpu_ns() - p->cpu_before_ns;
}

void process_end_vfork(struct process *p)
{
    struct task *waiter = p->vfork_waiter;

    if (!waiter)
        return;
    p->vfork_waiter = NULL;
    waiter->vfork_done = true;
    task_wake(p->arena, &waiter->vfork_done);
}

void process_tell_parent(struct process *p, int code, int status)
{
    struct process *parent = p->parent;
    bool is_end = code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED;
    unsigned number = is_end ? (unsigned)p->exit_signal : SIGCHLD;

    if (!parent)
        return;
    const struct linux_sigaction *action = &parent->action[SIGCHLD - 1];
    if (number && (is_end || !(action->flags & SA_NOCLDSTOP))) {
        struct linux_siginfo info = {.number = (int32_t)number, .code = code};
        info.u.sender.pid = p->pid;
        info.u.sender.uid = p->who.uid;
        info.u.sender.more.child.status = status;
        info.u.sender.more.child.user_ticks = (int64_t)(p->used_ns / (NS_PER_SECOND / CLOCK_TICKS));
        signal_send(parent, NULL, &info);
    }
    task_wake(p->arena, &parent->children);
}

/* Children of who has ended become the first process', which must wait for them. */
static void give_children_away(struct process *p)
{
    struct process *heir = p->arena->first;

    while (p->children) {
        struct process *child = p->children;
        p->children = child->sibling;
        child->parent = heir;
        child->parent_pid = heir->pid;
        child->sibling = heir->children;
        heir->children = child;
        if (child->ended)
            process_tell_parent(child, CLD_EXITED, child->status >> 8);
    }
}

/* Is nobody interested in how a child of `parent` ended? */
static bool is_not_waited_for(const struct process *parent)
{
    const struct linux_sigaction *action = &parent->action[SIGCHLD - 1];
    return action->handler == SIG_IGN || (action->flags & SA_NOCLDWAIT);
}

/* The family ends with its first process: nobody is left to wait for the others. */
static void end_family(struct process *first)
{
    struct arena *a = first->arena;
    int status = first->status;

    a->end_status = status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
    for (struct process *p = a->processes; p; p = p->next)
        if (p != first)
            process_kill(p, SIGKILL);
    port_wake(a->tasks[0]);
}

static bool is_anybody_left(const struct arena *a)
{
    for (const struct process *p = a->processes; p; p = p->next)
        if (!p->ended)
            return true;
    return false;
}

void process_finish(struct process *p)
{
    int status = p->status, signal = status & 0x7f;

    p->used_ns = process_cpu_ns(p);
    p->ended = true;
    release_all(p);
    if (p->arena->mounts && !is_anybody_left(p->arena))
        mount_end_all(p->arena);
    process_end_vfork(p);
    if (p->arena->pidfds)
        task_wake_pollers(p->arena, p);
    if (p == p->arena->first) {
        end_family(p);
        return;
    }
    give_children_away(p);
    terminal_session_ends(p);
    if (p->parent->ended || (p->exit_signal == (int)SIGCHLD && is_not_waited_for(p->parent))) {
        struct process *parent = p->parent;
        process_free(p);
        task_wake(parent->arena, &parent->children);
        if (parent->arena->first->ended)
            port_wake(parent->arena->tasks[0]);
        return;
    }
    process_tell_parent(p, signal ? CLD_KILLED : CLD_EXITED, signal ? signal : status >> 8 & 0xff);
}

static bool is_child(const struct process *p)
{
    for (const struct process *c = p->parent->children; c; c = c->sibling)
        if (c == p)
            return true;
    return false;
}

const char *process_check(const struct arena *a)
{
    for (const struct process *p = a->processes; p; p = p->next) {
        for (const struct process *q = p->next; q; q = q->next) {
            if (p->pid == q->pid)
                return "P1: two processes have one pid";
            if (p->group == q->group && p->session != q->session)
                return "P4: a group is in two sessions";
        }
        if (p == a->first ? p->parent != NULL : !p->parent || !is_child(p))
            return "P2: a process is not among its parent's children";
        if (!p->session || !p->group)
            return "P4: a process is in no session or group";
        if (p->ended && (p->areas || p->cwd || p->root))
            return "P3: a process that has ended has memory or a directory";
    }
    return NULL;
}
