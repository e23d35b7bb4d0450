/* Host tests of processes: birth, end, waiting, groups, signals between them, pipes. */
#include "libos-posix/process/lock.h"
#include "tests/host/posix_family.h"

#define SIGTERM 15
#define SIGUSR1 10
#define HANDLER 0x1234000u

static int pipe_in, pipe_out; /* descriptors that parent and child share */

static void make_pipe(void)
{
    int32_t *fd = (int32_t *)world.user;

    IS(SYS(pipe, fd), 0);
    pipe_in = fd[0];
    pipe_out = fd[1];
}

static void child_exits(struct task *t)
{
    IS(SYS(getpid), t->process->pid);
    IS(SYS(gettid), t->process->pid);
    IS(SYS(getppid), 1);
    SYS(exit_group, 7);
}

static void child_reads_for_ever(struct task *t)
{
    (void)t;
    IS(SYS(read, pipe_in, world.user, 1), 0);
    SYS(exit_group, 1);
}

static void child_pauses(struct task *t)
{
    (void)t;
    SYS(pause);
    SYS(exit_group, 1);
}

static void a_child_is_waited_for_once(void **state)
{
    (void)state;
    IS(SYS(wait4, -1, 0, 0, 0), -ECHILD);
    int32_t pid = child_start(child_exits);
    IS(SYS(wait4, pid, 0, WNOHANG, 0), 0);
    IS(SYS(wait4, pid + 1, 0, 0, 0), -ECHILD);
    IS(child_wait(pid), EXITED(7));
    IS(SYS(wait4, pid, 0, 0, 0), -ECHILD);
    IS(SYS(kill, pid, 0), -ESRCH);
}

static void waitid_tells_and_may_leave_the_child(void **state)
{
    struct linux_siginfo *info = (struct linux_siginfo *)world.user;
    const long exited = 4, leave = 0x01000000;

    (void)state;
    int32_t pid = child_start(child_exits);
    IS(SYS(waitid, 1, pid, info, exited | leave, 0), 0);
    IS(info->number, SIGCHLD);
    IS(info->code, CLD_EXITED);
    IS(info->u.sender.pid, pid);
    IS(info->u.sender.more.child.status, 7);
    IS(SYS(waitid, 0, 0, info, exited, 0), 0);
    IS(SYS(waitid, 0, 0, info, exited, 0), -ECHILD);
    IS(SYS(waitid, 0, 0, info, 0, 0), -EINVAL);
    IS(SYS(waitid, 9, 0, info, exited, 0), -EINVAL);
}

static void descriptors_are_shared_and_counted(void **state)
{
    (void)state;
    make_pipe();
    int32_t pid = child_start(child_reads_for_ever);
    IS(SYS(sched_yield), 0);
    IS(SYS(close, pipe_out), 0); /* the child has its own */
    IS(SYS(wait4, pid, 0, WNOHANG, 0), 0);
    IS(SYS(kill, pid, SIGKILL), 0);
    IS(child_wait(pid), SIGKILL);
    char *byte = world.user;
    IS(SYS(read, pipe_in, byte, 1), 0); /* no writer is left */
}

static void child_writes(struct task *t)
{
    (void)t;
    IS(SYS(close, pipe_in), 0);
    memset(world.user + 100, 'x', 200);
    for (int i = 0; i < 400; i++) /* more than a pipe holds: it must wait */
        IS(SYS(write, pipe_out, world.user + 100, 200), 200);
    SYS(exit_group, 0);
}

static void a_full_pipe_and_an_empty_one_make_wait(void **state)
{
    (void)state;
    make_pipe();
    int32_t pid = child_start(child_writes);
    long total = 0, n;
    IS(SYS(close, pipe_out), 0);
    while ((n = SYS(read, pipe_in, world.user + 512, 1000)) > 0)
        total += n;
    IS(n, 0);
    IS(total, 80000);
    IS(child_wait(pid), EXITED(0));
}

static void child_has_a_child(struct task *t)
{
    (void)t;
    fake.born = child_pauses;
    assert_true(SYS(fork) > 0);
    SYS(exit_group, 3);
}

static void orphans_become_the_first_process_s(void **state)
{
    (void)state;
    int32_t pid = child_start(child_has_a_child);
    IS(child_wait(pid), EXITED(3));
    struct process *orphan = arena_get()->first->children;
    assert_non_null(orphan);
    IS(orphan->parent->pid, 1);
    int32_t its = orphan->pid;
    IS(SYS(kill, its, SIGTERM), 0);
    IS(child_wait(its), SIGTERM);
}

static void ignored_children_go_by_themselves(void **state)
{
    (void)state;
    action_set(SIGCHLD, SIG_IGN, 0);
    int32_t pid = child_start(child_exits);
    IS(SYS(wait4, pid, 0, 0, 0), -ECHILD); /* after it has gone */
    IS(SYS(kill, pid, 0), -ESRCH);
}

static void a_stopped_child_is_told_of_and_goes_on(void **state)
{
    int32_t *status = (int32_t *)world.user;

    (void)state;
    int32_t pid = child_start(child_pauses);
    IS(SYS(kill, pid, SIGSTOP), 0);
    IS(SYS(wait4, pid, status, WUNTRACED, 0), pid);
    IS(*status, STOPPED(SIGSTOP));
    IS(SYS(wait4, pid, status, WUNTRACED | WNOHANG, 0), 0); /* told once */
    IS(SYS(kill, pid, SIGTERM), 0);
    IS(SYS(wait4, pid, status, WNOHANG, 0), 0); /* it rests, and cannot end */
    IS(SYS(kill, pid, SIGCONT), 0);
    IS(SYS(wait4, pid, status, WCONTINUED, 0), pid);
    assert_true(*status == CONTINUED || *status == SIGTERM);
    if (*status == CONTINUED)
        IS(child_wait(pid), SIGTERM);
}

static void child_pauses_in_a_group(struct task *t)
{
    (void)t;
    IS(SYS(setpgid, 0, 0), 0);
    SYS(pause);
    SYS(exit_group, 1);
}

static void groups_are_signalled_and_waited_for_together(void **state)
{
    (void)state;
    int32_t a = child_start(child_pauses_in_a_group), b = child_start(child_pauses);
    struct linux_timespec *t = (struct linux_timespec *)world.user;
    *t = (struct linux_timespec){0, 1000};
    IS(SYS(nanosleep, t, 0), 0); /* both run */
    IS(SYS(getpgid, a), a);
    IS(SYS(getpgid, b), 1);
    IS(SYS(setpgid, b, a), 0);
    IS(SYS(setpgid, b, 12345), -EPERM);
    IS(SYS(kill, -a, SIGTERM), 0);
    IS(SYS(wait4, -a, 0, 0, 0) > 0, 1);
    IS(SYS(wait4, -a, 0, 0, 0) > 0, 1);
    IS(SYS(wait4, -1, 0, 0, 0), -ECHILD);
    IS(SYS(kill, -a, SIGTERM), -ESRCH);
}

static void a_handler_interrupts_and_may_restart(void **state)
{
    (void)state;
    make_pipe();
    struct linux_timespec *t = (struct linux_timespec *)world.user;
    int32_t *it = (int32_t *)(world.user + 64);
    IS(SYS(setitimer, 0, it, 0), 0);
    int64_t *interval = (int64_t *)world.user;
    interval[0] = interval[1] = interval[2] = 0;
    interval[3] = 500;
    action_set(SIGALRM, HANDLER, 0);
    IS(SYS(setitimer, 0, interval, 0), 0);
    IS(SYS(read, pipe_in, world.user, 1), -RESTART); /* the way makes EINTR or a restart of it */
    struct posix_signal s;
    assert_true(posix_signal_take(&s));
    IS(s.number, SIGALRM);
    assert_false(posix_signal_take(&s));
    posix_signal_done(0);
    action_set(SIGALRM, SIG_IGN, 0);
    IS(SYS(alarm, 1), 0);
    *t = (struct linux_timespec){3, 0};
    uint64_t before = fake.now_ns;
    IS(SYS(nanosleep, t, 0), 0); /* an ignored one does not shorten a sleep */
    IS(fake.now_ns, before + 3000000000);
}

static void child_signals_the_parent(struct task *t)
{
    struct linux_siginfo *info = (struct linux_siginfo *)(world.user + 1024);

    (void)t;
    memset(info, 0, sizeof *info);
    info->code = SI_QUEUE;
    for (int i = 1; i <= 3; i++) {
        info->u.sender.more.value = (uint64_t)i;
        IS(SYS(rt_sigqueueinfo, 1, 34, info), 0);
        IS(SYS(rt_sigqueueinfo, 1, SIGUSR1, info), 0);
    }
    SYS(exit_group, 0);
}

static void queued_signals_come_one_by_one_and_others_once(void **state)
{
    uint64_t *set = (uint64_t *)world.user;
    struct linux_siginfo *info = (struct linux_siginfo *)(world.user + 128);
    struct linux_timespec *zero = (struct linux_timespec *)(world.user + 64);

    (void)state;
    *set = signal_bit(34) | signal_bit(SIGUSR1);
    *zero = (struct linux_timespec){0, 0};
    IS(SYS(rt_sigprocmask, SIG_BLOCK, set, 0, 8), 0);
    int32_t pid = child_start(child_signals_the_parent);
    IS(child_wait(pid), EXITED(0));
    IS(SYS(rt_sigtimedwait, set, info, zero, 8), SIGUSR1);
    for (uint64_t i = 1; i <= 3; i++) {
        IS(SYS(rt_sigtimedwait, set, info, 0, 8), 34);
        IS(info->u.sender.more.value, i);
    }
    IS(SYS(rt_sigtimedwait, set, info, zero, 8), -EAGAIN);
}

static void vfork_waits_until_the_child_has_ended(void **state)
{
    (void)state;
    fake.born = child_exits;
    long pid = SYS(vfork);
    assert_true(process_find(arena_get(), (int32_t)pid)->ended);
    IS(child_wait((int32_t)pid), EXITED(7));
}

static void sessions_have_one_leader(void **state)
{
    (void)state;
    IS(SYS(setsid), -EPERM); /* it leads a group */
    int32_t pid = child_start(child_pauses);
    IS(SYS(getsid, pid), 1);
    IS(SYS(kill, pid, SIGKILL), 0);
    IS(child_wait(pid), SIGKILL);
}

static void too_many_processes_are_eagain(void **state)
{
    static int32_t pids[TASK_COUNT];
    unsigned count = 0;

    (void)state;
    fake.born = child_pauses;
    fake.limit_bytes = fake.mapped_bytes + (8 << 20);
    long pid = 0;
    while (count < 60 && (pid = SYS(fork)) > 0)
        pids[count++] = (int32_t)pid;
    assert_true(pid > 0 || pid == -EAGAIN);
    assert_true(count > 10);
    assert_null(arena_check(arena_get()));
    for (unsigned i = 0; i < count; i++)
        IS(SYS(kill, pids[i], SIGKILL), 0);
    for (unsigned i = 0; i < count; i++)
        IS(child_wait(pids[i]), SIGKILL);
}

/* A child that waits for a signal, by its task. */
static struct task *pausing(int32_t *pid)
{
    struct linux_timespec *t = (struct linux_timespec *)world.user;

    *pid = child_start(child_pauses);
    *t = (struct linux_timespec){0, 1000};
    IS(SYS(nanosleep, t, 0), 0);
    return process_find(arena_get(), *pid)->tasks;
}

static void a_lost_process_is_taken_out(void **state)
{
    const char *broken;
    int32_t pid;

    (void)state;
    make_pipe();
    struct task *lost = pausing(&pid);
    lock_inherit(lost); /* it was in the core */
    IS(posix_keeper_lost(lost, &broken), POSIX_KEEPER_GO_ON);
    assert_null(broken);
    IS(arena_get()->lock.state, 0);
    IS(child_wait(pid), SIGKILL);
}

/* Somebody else is in the core. */
static void a_lost_process_that_wanted_the_lock_leaves_nothing_of_it(void **state)
{
    const char *broken;
    int32_t pids[2];

    (void)state;
    struct task *lost = pausing(&pids[0]), *owner = pausing(&pids[1]);
    lock_inherit(owner);
    assert_false(lock_try(lost));
    IS(posix_keeper_lost(lost, &broken), POSIX_KEEPER_BUSY);
    assert_true(lock_is_mine(owner));
    lock_release(owner);
    IS(posix_keeper_lost(lost, &broken), POSIX_KEEPER_GO_ON);
    assert_null(broken);
    IS(arena_get()->lock.state, 0); /* nobody waits, either */
    IS(child_wait(pids[0]), SIGKILL);
    IS(SYS(kill, pids[1], SIGKILL), 0);
    IS(child_wait(pids[1]), SIGKILL);
}

/* Who was ended in the middle of a change. */
static void what_a_lost_process_has_broken_is_named(void **state)
{
    const char *broken;
    int32_t pid;

    (void)state;
    struct task *lost = pausing(&pid);
    lock_inherit(lost);
    lost->process->task_count++;
    posix_keeper_lost(lost, &broken);
    assert_non_null(broken);
    assert_non_null(lost->process); /* as it was */
    lost->process->task_count--;
    IS(posix_keeper_lost(lost, &broken), POSIX_KEEPER_GO_ON);
    assert_null(broken);
    IS(child_wait(pid), SIGKILL);
}

static void child_reads_a_byte(struct task *t)
{
    (void)t;
    IS(SYS(read, pipe_in, world.user, 1), 1);
    SYS(exit_group, 5);
}

/* Whoever is ended before it has told the kernel whom it woke. */
static void who_was_to_be_woken_by_a_lost_process_is_woken(void **state)
{
    const char *broken;
    int32_t pid;

    (void)state;
    make_pipe();
    int32_t reader = child_start(child_reads_a_byte);
    struct task *lost = pausing(&pid);
    fake.loses_wakes = true;
    IS(SYS(write, pipe_out, world.user, 1), 1);
    fake.loses_wakes = false;
    IS(posix_keeper_lost(lost, &broken), POSIX_KEEPER_GO_ON);
    assert_null(broken);
    IS(child_wait(reader), EXITED(5));
    IS(child_wait(pid), SIGKILL);
}

static void child_sleeps(struct task *t)
{
    struct linux_timespec *ns = (struct linux_timespec *)(world.user + 128);

    (void)t;
    *ns = (struct linux_timespec){0, 1000};
    IS(SYS(nanosleep, ns, 0), 0);
    SYS(exit_group, 3);
}

static void a_process_is_a_file(void **state)
{
    struct linux_pollfd *f = (struct linux_pollfd *)(world.user + 64);
    const int by_file = 3, exited = 4;

    (void)state;
    int32_t pid = child_start(child_sleeps);
    long fd = SYS(pidfd_open, pid, 0);
    *f = (struct linux_pollfd){.fd = (int32_t)fd, .events = POLLIN};
    IS(SYS(poll, f, 1, 0), 0);
    IS(SYS(pidfd_send_signal, fd, 0, 0, 0), 0);
    IS(SYS(pidfd_send_signal, fd, 65, 0, 0), -EINVAL);
    IS(SYS(pidfd_send_signal, fd, 0, 0, 1), -EINVAL);
    IS(SYS(pidfd_send_signal, 99, 0, 0, 0), -EBADF);
    IS(SYS(waitid, by_file, 99, 0, exited, 0), -EBADF);
    IS(SYS(poll, f, 1, -1), 1); /* until it ends */
    IS(SYS(pidfd_send_signal, fd, 0, 0, 0), -ESRCH);
    IS(SYS(waitid, by_file, fd, world.user + 256, exited, 0), 0);
    IS(((struct linux_siginfo *)(world.user + 256))->u.sender.more.child.status, 3);
    IS(SYS(waitid, by_file, fd, 0, exited, 0), -ECHILD);
    IS(SYS(pidfd_open, pid, 0), -ESRCH);
    IS(SYS(pidfd_open, 0, 0), -EINVAL);
    IS(SYS(pidfd_open, 1, 1), -EINVAL);
    IS(SYS(close, fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY_TEST(a_child_is_waited_for_once),
        FAMILY_TEST(waitid_tells_and_may_leave_the_child),
        FAMILY_TEST(descriptors_are_shared_and_counted),
        FAMILY_TEST(a_full_pipe_and_an_empty_one_make_wait),
        FAMILY_TEST(orphans_become_the_first_process_s),
        FAMILY_TEST(ignored_children_go_by_themselves),
        FAMILY_TEST(a_stopped_child_is_told_of_and_goes_on),
        FAMILY_TEST(groups_are_signalled_and_waited_for_together),
        FAMILY_TEST(a_handler_interrupts_and_may_restart),
        FAMILY_TEST(queued_signals_come_one_by_one_and_others_once),
        FAMILY_TEST(vfork_waits_until_the_child_has_ended),
        FAMILY_TEST(sessions_have_one_leader),
        FAMILY_TEST(too_many_processes_are_eagain),
        FAMILY_TEST(a_lost_process_is_taken_out),
        FAMILY_TEST(a_lost_process_that_wanted_the_lock_leaves_nothing_of_it),
        FAMILY_TEST(what_a_lost_process_has_broken_is_named),
        FAMILY_TEST(who_was_to_be_woken_by_a_lost_process_is_woken),
        FAMILY_TEST(a_process_is_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
