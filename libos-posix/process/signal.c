/* Signals: queues of what is pending, and what the defaults do. */
#include "libos-posix/process/signal.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/channel/terminal.h"
#include "libos-posix/process/loan.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/process/process.h"

#define FAULTS                                                                                     \
    (signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGFPE) |          \
     signal_bit(SIGTRAP) | signal_bit(SIGSYS))
#define STOPS                                                                                      \
    (signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU))
#define IGNORED                                                                                    \
    (signal_bit(SIGCHLD) | signal_bit(SIGCONT) | signal_bit(SIGURG) | signal_bit(SIGWINCH))

static bool is_ignored(const struct process *p, unsigned number)
{
    uint64_t handler = p->action[number - 1].handler;
    uint64_t idle = port_has_keeper() ? IGNORED : IGNORED | STOPS; /* who would let it go on? */

    return handler == SIG_IGN || (handler == SIG_DFL && (idle & signal_bit(number)));
}

/* One entry is kept, since a signal that is handled at once needs none for long. */
static struct signal_entry *entry_take(struct arena *a)
{
    struct signal_entry *e = a->spare_signal;

    if (!e)
        return core_heap_take(&a->heap, sizeof *e);
    a->spare_signal = NULL;
    return e;
}

static void entry_free(struct arena *a, struct signal_entry *e)
{
    if (a->spare_signal)
        core_heap_free(&a->heap, e, sizeof *e);
    else
        a->spare_signal = e;
}

void signal_forget(struct arena *a, struct pending *pending, uint64_t set)
{
    for (struct signal_entry **at = &pending->first; *at;) {
        struct signal_entry *e = *at;
        if (!(set & signal_bit((unsigned)e->info.number))) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        entry_free(a, e);
    }
    pending->set &= ~set;
}

static void forget_everywhere(struct process *p, uint64_t set)
{
    signal_forget(p->arena, &p->pending, set);
    for (struct task *t = p->tasks; t; t = t->next)
        signal_forget(p->arena, &t->pending, set);
}

void signal_drop_ignored(struct process *p, unsigned number)
{
    if (is_ignored(p, number))
        forget_everywhere(p, signal_bit(number));
}

static size_t queued(const struct process *p)
{
    size_t count = 0;

    for (const struct signal_entry *e = p->pending.first; e; e = e->next)
        count++;
    for (const struct task *t = p->tasks; t; t = t->next)
        for (const struct signal_entry *e = t->pending.first; e; e = e->next)
            count++;
    return count;
}

/* A signal without an entry still arrives, but says nothing of where it came from. */
static long enqueue(struct process *p, struct pending *pending, const struct linux_siginfo *info)
{
    unsigned number = (unsigned)info->number;
    bool counts = number >= SIGNAL_QUEUED;

    if (!counts && (pending->set & signal_bit(number)))
        return 0;
    struct signal_entry *e = NULL;
    if (!counts || queued(p) < p->limits[RLIMIT_SIGPENDING].current)
        e = entry_take(p->arena);
    if (!e && counts)
        return -EAGAIN;
    if (e) {
        struct signal_entry **end = &pending->first;
        while (*end)
            end = &(*end)->next;
        e->info = *info;
        e->next = NULL;
        *end = e;
    }
    pending->set |= signal_bit(number);
    return 0;
}

static void go_on(struct process *p, bool tell)
{
    if (!p->stopped)
        return;
    p->stopped = p->stop_unseen = false;
    p->go_on_unseen = tell;
    for (struct task *t = p->tasks; t; t = t->next)
        task_kick(t);
    if (tell)
        process_tell_parent(p, CLD_CONTINUED, (int)SIGCONT);
}

/* The task that is to handle it: any that does not block it, or waits for it. */
static void kick_one(struct process *p, uint64_t bit)
{
    for (struct task *t = p->tasks; t; t = t->next)
        if ((bit & (~t->blocked | t->awaited)) && !t->ending && !t->loan) {
            task_kick(t);
            return;
        }
}

/* Where somebody sits at a terminal, nobody is to lose the machine by a signal to the process with
 * which all others end: what it has no handler for does not reach it, as on Linux. */
static bool is_spared(const struct process *p, unsigned number)
{
    return p->action[number - 1].handler == SIG_DFL && p == p->arena->first && port_has_keeper() &&
           terminal_is_one(p->arena->terminal) && !(p->tasks->blocked & signal_bit(number));
}

long signal_send(struct process *p, struct task *t, const struct linux_siginfo *info)
{
    unsigned number = (unsigned)info->number;
    uint64_t bit = signal_bit(number);
    const struct task *first = t ? t : p->tasks;

    if (p->ended || p->ending || is_spared(p, number))
        return 0;
    if (number == SIGKILL) {
        go_on(p, false);
        process_kill(p, SIGKILL);
        return 0;
    }
    if (number == SIGCONT) {
        forget_everywhere(p, STOPS);
        go_on(p, true);
    } else if (bit & STOPS) {
        forget_everywhere(p, signal_bit(SIGCONT));
    }
    if (is_ignored(p, number) && !(bit & (first->blocked | first->awaited)))
        return 0;
    long e = enqueue(p, t ? &t->pending : &p->pending, info);
    if (e)
        return e;
    if (t)
        task_kick(t);
    else
        kick_one(p, bit);
    task_wake_pollers(p->arena, &p->pending); /* signalfd */
    return 0;
}

void signal_raise(struct process *p, struct task *t, unsigned number, const struct process *from)
{
    struct linux_siginfo info = {.number = (int32_t)number, .code = from ? SI_USER : SI_KERNEL};

    if (from) {
        info.code = t ? SI_TKILL : SI_USER;
        info.u.sender.pid = from->pid;
        info.u.sender.uid = from->who.uid;
    }
    signal_send(p, t, &info);
}

void signal_force(struct task *t, const struct linux_siginfo *info)
{
    unsigned number = (unsigned)info->number;
    struct linux_sigaction *action = &t->process->action[number - 1];

    if ((t->blocked & signal_bit(number)) || action->handler == SIG_IGN)
        action->handler = SIG_DFL;
    t->blocked &= ~signal_bit(number);
    signal_forget(t->process->arena, &t->pending, signal_bit(number));
    enqueue(t->process, &t->pending, info);
}

/* Takes the oldest entry of a signal out of the queue; the bit goes with the last one. */
static void dequeue(struct arena *a, struct pending *pending, unsigned number,
                    struct linux_siginfo *out)
{
    bool found = false, more = false;

    for (struct signal_entry **at = &pending->first; *at;) {
        struct signal_entry *e = *at;
        bool same = e->info.number == (int32_t)number;
        more |= same && found;
        if (!same || found) {
            at = &e->next;
            continue;
        }
        found = true;
        *out = e->info;
        *at = e->next;
        entry_free(a, e);
    }
    if (!found)
        *out = (struct linux_siginfo){.number = (int32_t)number, .code = SI_KERNEL};
    if (!more)
        pending->set &= ~signal_bit(number);
}

static unsigned lowest(uint64_t set)
{
    if (set & FAULTS) /* they belong to the present instruction */
        set &= FAULTS;
    return (unsigned)__builtin_ctzll(set) + 1;
}

unsigned signal_take(struct task *t, uint64_t set, struct linux_siginfo *out)
{
    struct process *p = t->process;
    uint64_t own = t->pending.set & set, all = p->pending.set & set;

    if (!own && !all)
        return 0;
    unsigned number = lowest(own ? own : all);
    dequeue(p->arena, own ? &t->pending : &p->pending, number, out);
    return number;
}

bool signal_group_is_orphaned(const struct process *p)
{
    for (const struct process *q = p->arena->processes; q; q = q->next)
        if (q->group == p->group && !q->ended && q->parent && q->parent->group != p->group &&
            q->parent->session == p->session)
            return false;
    return true;
}

static void stop(struct process *p, unsigned number)
{
    if (number != SIGSTOP && signal_group_is_orphaned(p))
        return;
    p->stopped = p->stop_unseen = true;
    p->go_on_unseen = false;
    p->stop_signal = (int)number;
    for (struct task *t = p->tasks; t; t = t->next)
        task_kick(t);
    process_tell_parent(p, CLD_STOPPED, (int)number);
}

static void rest(struct task *t)
{
    lock_release(t);
    port_sleep(PORT_FOREVER, false);
    lock_take(t);
}

/* Performs the defaults of all that is due. Returns the signal whose handler is to run next; 0: no
 * handler is. */
static unsigned settle(struct task *t)
{
    struct process *p = t->process;

    for (;;) {
        if (t->ending || p->ending)
            task_end(t);
        if (loan_is_called_in(t))
            loan_leave(t, NULL); /* ENOMEM: the lender waits on */
        if (p->stopped) {
            rest(t);
            continue;
        }
        uint64_t now = (t->pending.set | p->pending.set) & ~t->blocked;
        if (!now)
            return 0;
        uint64_t own = t->pending.set & now;
        unsigned number = lowest(own ? own : now);
        uint64_t handler = p->action[number - 1].handler;
        if (handler != SIG_DFL && handler != SIG_IGN)
            return number;
        struct linux_siginfo info;
        signal_take(t, signal_bit(number), &info);
        if (is_ignored(p, number))
            continue;
        if (signal_bit(number) & STOPS)
            stop(p, number);
        else
            process_kill(p, (int)number);
    }
}

bool signal_settle(struct task *t)
{
    return settle(t) != 0;
}

unsigned signal_next(struct task *t, struct linux_siginfo *out)
{
    const unsigned number = settle(t);
    struct process *p = t->process;

    if (number)
        dequeue(p->arena, t->pending.set & signal_bit(number) ? &t->pending : &p->pending, number,
                out);
    return number;
}

void signal_block(struct task *t, uint64_t set)
{
    t->blocked = set & ~SIGNALS_UNBLOCKABLE;
    for (struct task *o = t->process->tasks; o; o = o->next)
        if (o != t && (t->process->pending.set & ~o->blocked))
            task_kick(o); /* what this task blocks now another may take */
}

void signal_block_for_call(struct task *t, uint64_t set)
{
    if (!t->restore_blocked)
        t->blocked_before = t->blocked;
    t->restore_blocked = true;
    t->blocked = set & ~SIGNALS_UNBLOCKABLE;
}

static const char *check_queue(const struct pending *pending, bool borrows)
{
    uint64_t seen = 0;

    for (const struct signal_entry *e = pending->first; e; e = e->next) {
        uint64_t bit = signal_bit((unsigned)e->info.number);
        if (!(pending->set & bit))
            return "S1: a queue has an entry of a signal that does not pend";
        if ((unsigned)e->info.number < SIGNAL_QUEUED && (seen & bit))
            return "S2: a signal is queued twice";
        seen |= bit;
    }
    if ((pending->set & signal_bit(SIGKILL)) && !borrows)
        return "S3: SIGKILL pends";
    return NULL;
}

const char *signal_check(const struct arena *a)
{
    for (const struct process *p = a->processes; p; p = p->next) {
        const char *broken = check_queue(&p->pending, false);
        for (const struct task *t = p->tasks; t && !broken; t = t->next) {
            broken = check_queue(&t->pending, p->lender);
            if (t->blocked & SIGNALS_UNBLOCKABLE)
                return "S3: a task blocks SIGKILL or SIGSTOP";
        }
        if (broken)
            return broken;
    }
    return NULL;
}
