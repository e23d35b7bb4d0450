/* Host tests of threads: clone, futexes of all kinds, robust locks, the end of single tasks. */
#include "tests/host/posix_family.h"

#include "libos-posix/process/futex.h"
#include "libos-posix/way/way_trampoline.h"

#define THREAD_FLAGS 0x00050f00 /* VM, FS, FILES, SIGHAND, THREAD, SYSVSEM */
#define SET_TID      0x00100000
#define CLEAR_TID    0x00200000
#define WORD         ((uint32_t *)world.user)
#define SECOND       ((uint32_t *)(world.user + 64))
#define PRIVATE      0x80u

static struct posix_regs regs = {.rip = 0x400000, .rsp = 0x500000};
static int woken; /* threads that came back from a futex */

static int32_t thread_start(void (*what)(struct task *), long flags)
{
    fake.born = what;
    task_current()->regs = &regs;
    long tid = SYS(clone, THREAD_FLAGS | flags, 0x600000, world.user + 128, world.user + 132, 0);
    assert_true(tid > 1);
    assert_null(arena_check(arena_get()));
    return (int32_t)tid;
}

static void let_others_run(void)
{
    struct linux_timespec *t = (struct linux_timespec *)(world.user + 512);

    *t = (struct linux_timespec){0, 1000};
    IS(SYS(nanosleep, t, 0), 0);
}

static void thread_ends(struct task *t)
{
    IS(SYS(getpid), 1);
    IS(SYS(gettid), t->tid);
    SYS(exit, 0);
}

static void thread_waits(struct task *t)
{
    (void)t;
    IS(SYS(futex, WORD, FUTEX_WAIT | PRIVATE, 5, 0), 0);
    woken++;
    SYS(exit, 0);
}

static void a_thread_tells_its_number_and_clears_it(void **state)
{
    (void)state;
    int32_t tid = thread_start(thread_ends, SET_TID | CLEAR_TID);
    IS(*(int32_t *)(world.user + 128), tid);
    *(int32_t *)(world.user + 132) = tid;
    IS(process_current()->task_count, 2);
    IS(SYS(futex, world.user + 132, FUTEX_WAIT, tid, 0), 0); /* as joining does */
    IS(*(int32_t *)(world.user + 132), 0);
    IS(process_current()->task_count, 1);
    IS(SYS(tgkill, 1, tid, 0), -ESRCH);
}

static void sets_of_flags_that_cannot_be_are_refused(void **state)
{
    (void)state;
    IS(SYS(clone, 0x10000, 0, 0, 0, 0), -EINVAL);         /* THREAD without SIGHAND */
    IS(SYS(clone, 0x800, 0, 0, 0, 0), -EINVAL);           /* SIGHAND without VM */
    IS(SYS(clone, 0x100 | 17, 0, 0, 0, 0), -EINVAL);      /* VM alone */
    IS(SYS(clone, 17 | 0x10000000, 0, 0, 0, 0), -EINVAL); /* a user namespace */
    task_current()->regs = NULL;
    IS(SYS(clone, THREAD_FLAGS, 0x600000, 0, 0, 0), -ENOSYS); /* the way has not handed them over */
}

static void wake_counts_and_takes_the_oldest(void **state)
{
    (void)state;
    woken = 0;
    *WORD = 5;
    for (int i = 0; i < 3; i++)
        thread_start(thread_waits, 0);
    let_others_run();
    IS(SYS(futex, WORD, FUTEX_WAKE | PRIVATE, 1), 1);
    let_others_run();
    IS(woken, 1);
    IS(SYS(futex, WORD, FUTEX_WAKE | PRIVATE, 10, 1, (word_t)WORD + 2),
       2); /* three arguments count */
    let_others_run();
    IS(woken, 3);
    IS(SYS(futex, WORD, FUTEX_WAKE | PRIVATE, 10), 0);
}

static void requeue_moves_waiters(void **state)
{
    (void)state;
    woken = 0;
    *WORD = 5;
    for (int i = 0; i < 3; i++)
        thread_start(thread_waits, 0);
    let_others_run();
    IS(SYS(futex, WORD, FUTEX_CMP_REQUEUE, 1, 9, SECOND, 4), -EAGAIN);
    IS(SYS(futex, WORD, FUTEX_CMP_REQUEUE, 1, 9, SECOND, 5), 3); /* 1 woken, 2 moved */
    let_others_run();
    IS(woken, 1);
    IS(SYS(futex, WORD, FUTEX_WAKE, 9), 0);
    IS(SYS(futex, SECOND, FUTEX_WAKE, 9), 2);
    let_others_run();
    IS(woken, 3);
}

/* Words whose sleepers are in one ring. */
#define WORDS 6u
static uint32_t *words[WORDS];
static uint32_t next_word, last_woken;

static void thread_waits_on_its_own_word(struct task *t)
{
    const uint32_t own = next_word++;

    (void)t;
    IS(SYS(futex, words[own], FUTEX_WAIT_BITSET | PRIVATE, 0, 0, 0, 1u << own), 0);
    last_woken = own;
    woken++;
    SYS(exit, 0);
}

/* Makes a thread that sleeps on the next of `words`. */
static struct task *sleeper_on(uint32_t *word)
{
    *word = 0;
    words[next_word] = word;
    struct task *t = task_find(arena_get(), thread_start(thread_waits_on_its_own_word, 0));
    let_others_run();
    return t;
}

static void futexes_that_share_a_hash_are_told_apart(void **state)
{
    struct arena *a = arena_get();
    uint32_t *word = (uint32_t *)(world.user + 1024);

    (void)state;
    woken = 0;
    next_word = 0;
    const struct task *first = sleeper_on(word);
    const struct sleep_link *ring = task_sleepers(a, first->channel);
    while (next_word < WORDS) {
        const size_t step = (size_t)(++word - words[0]) * sizeof *word;
        assert_true((char *)word < world.user + USER_BYTES / 2);
        if (task_sleepers(a, (const char *)first->channel + step) == ring)
            IS(task_sleepers(a, sleeper_on(word)->channel) == ring, true);
    }
    for (uint32_t i = 0; i < WORDS; i++) {
        word = words[i];
        IS(SYS(futex, word, FUTEX_WAKE_BITSET | PRIVATE, 9, 0, 0, ~(1u << i)), 0);
        if (i % 3 == 0) { /* it waits for another word then */
            IS(SYS(futex, word, FUTEX_REQUEUE | PRIVATE, 0, 9, SECOND), 1);
            IS(SYS(futex, word, FUTEX_REQUEUE | PRIVATE, 0, 9, SECOND), 0);
            word = SECOND;
        }
        assert_null(arena_check(a));
        IS(SYS(futex, word, FUTEX_REQUEUE | PRIVATE, 0, INT32_MAX, word), 1); /* to itself */
        IS(SYS(futex, word, FUTEX_WAKE | PRIVATE, 0), 0);
        IS(SYS(futex, word, FUTEX_WAKE | PRIVATE, 9), 1);
        let_others_run();
        IS(last_woken, i);
        IS(woken, i + 1);
    }
}

static void a_sleeper_that_nobody_would_find_is_named(void **state)
{
    struct arena *a = arena_get();

    (void)state;
    woken = 0;
    *WORD = 5;
    struct task *t = task_find(a, thread_start(thread_waits, 0));
    let_others_run();
    const struct sleep_link right = t->sleep;
    t->sleep = (struct sleep_link){&t->sleep, &t->sleep};
    right.prev->next = right.next; /* in no ring, as if its waker had ended in the middle */
    right.next->prev = right.prev;
    assert_memory_equal(arena_check(a), "T3", 2);
    const void *channel = t->channel;
    t->sleep = right;
    right.prev->next = right.next->prev = &t->sleep;
    assert_null(arena_check(a));
    t->channel = (const char *)channel + 64; /* in the wrong one */
    assert_memory_equal(arena_check(a), "T3", 2);
    t->channel = channel;
    t->woken = true;
    assert_memory_equal(arena_check(a), "T3", 2);
    t->woken = false;
    right.next->prev = NULL;
    assert_memory_equal(arena_check(a), "T3", 2);
    right.prev->next = NULL;
    task_restore_sleepers(a);
    assert_null(arena_check(a));
    IS(SYS(futex, WORD, FUTEX_WAKE | PRIVATE, 9), 1);
    let_others_run();
    IS(woken, 1);
}

static void wake_op_changes_and_compares(void **state)
{
    (void)state;
    woken = 0;
    *WORD = 5;
    *SECOND = 7;
    thread_start(thread_waits, 0);
    let_others_run();
    /* second += 3; wake its waiters too if it was above 6 */
    IS(SYS(futex, WORD, FUTEX_WAKE_OP, 1, 1, SECOND, 1u << 28 | 4u << 24 | 3 << 12 | 6), 1);
    IS(*SECOND, 10);
    IS(SYS(futex, WORD, FUTEX_WAKE_OP, 1, 1, SECOND, 7u << 28), -ENOSYS);
    let_others_run();
    IS(woken, 1);
}

static void thread_locks(struct task *t)
{
    IS(SYS(futex, WORD, FUTEX_LOCK_PI | PRIVATE, 0, 0), 0);
    IS(*WORD & FUTEX_TID_MASK, (uint32_t)t->tid);
    woken++;
    IS(SYS(futex, WORD, FUTEX_UNLOCK_PI | PRIVATE), 0);
    SYS(exit, 0);
}

static void an_owned_lock_is_handed_over(void **state)
{
    (void)state;
    woken = 0;
    *WORD = 0;
    IS(SYS(futex, WORD, FUTEX_LOCK_PI | PRIVATE, 0, 0), 0);
    IS(*WORD, 1);
    IS(SYS(futex, WORD, FUTEX_LOCK_PI | PRIVATE, 0, 0), -EDEADLK);
    thread_start(thread_locks, 0);
    thread_start(thread_locks, 0);
    let_others_run();
    IS(*WORD, 1 | FUTEX_WAITERS);
    IS(SYS(futex, WORD, FUTEX_UNLOCK_PI | PRIVATE), 0);
    let_others_run();
    IS(woken, 2);
    IS(*WORD, 0);
    IS(SYS(futex, WORD, FUTEX_UNLOCK_PI | PRIVATE), -EPERM);
    *WORD = 12345; /* nobody */
    IS(SYS(futex, WORD, FUTEX_LOCK_PI | PRIVATE, 0, 0), -ESRCH);
    IS(SYS(futex, WORD, FUTEX_TRYLOCK_PI | PRIVATE, 0, 0), -EAGAIN);
}

/* A list of one lock, whose word stands 16 bytes behind its entry. */
static void thread_dies_with_a_lock(struct task *t)
{
    uint64_t *head = (uint64_t *)(world.user + 1024),
             *entry = (uint64_t *)(world.user + 1100 / 8 * 8);

    head[0] = (uint64_t)entry;
    head[1] = 16;
    head[2] = 0;
    entry[0] = (uint64_t)head;
    *(uint32_t *)(entry + 2) = (uint32_t)t->tid | FUTEX_WAITERS;
    IS(SYS(set_robust_list, head, 24), 0);
    SYS(exit, 0);
}

static void a_robust_lock_is_marked_when_its_owner_ends(void **state)
{
    uint32_t *lock = (uint32_t *)(world.user + 1100 / 8 * 8 + 16);

    (void)state;
    thread_start(thread_dies_with_a_lock, 0);
    let_others_run();
    IS(*lock, FUTEX_WAITERS | FUTEX_OWNER_DIED);
}

static void thread_sleeps(struct task *t)
{
    (void)t;
    SYS(pause);
    fail_msg("a thread came back from its end");
}

static void child_with_threads_exits(struct task *t)
{
    task_current()->regs = &regs;
    (void)t;
    fake.born = thread_sleeps;
    for (int i = 0; i < 3; i++)
        assert_true(SYS(clone, THREAD_FLAGS, 0x600000, 0, 0, 0) > 0);
    let_others_run();
    IS(process_current()->task_count, 4);
    SYS(exit_group, 9);
}

static void exit_group_ends_all_threads(void **state)
{
    (void)state;
    int32_t pid = child_start(child_with_threads_exits);
    IS(child_wait(pid), EXITED(9));
}

static void a_signal_goes_to_the_thread_that_is_named(void **state)
{
    uint64_t *set = (uint64_t *)world.user;

    (void)state;
    *set = signal_bit(SIGALRM);
    IS(SYS(rt_sigprocmask, SIG_BLOCK, set, 0, 8), 0);
    int32_t tid = thread_start(thread_sleeps, 0);
    IS(SYS(tgkill, 1, tid, SIGALRM), 0);
    IS(SYS(rt_sigpending, set, 8), 0);
    IS(*set, 0); /* not the caller's */
    assert_true(task_find(arena_get(), tid)->pending.set == signal_bit(SIGALRM));
    signal_forget(arena_get(), &task_find(arena_get(), tid)->pending, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY_TEST(a_thread_tells_its_number_and_clears_it),
        FAMILY_TEST(sets_of_flags_that_cannot_be_are_refused),
        FAMILY_TEST(wake_counts_and_takes_the_oldest),
        FAMILY_TEST(requeue_moves_waiters),
        FAMILY_TEST(futexes_that_share_a_hash_are_told_apart),
        FAMILY_TEST(a_sleeper_that_nobody_would_find_is_named),
        FAMILY_TEST(wake_op_changes_and_compares),
        FAMILY_TEST(an_owned_lock_is_handed_over),
        FAMILY_TEST(a_robust_lock_is_marked_when_its_owner_ends),
        FAMILY_TEST(exit_group_ends_all_threads),
        FAMILY_TEST(a_signal_goes_to_the_thread_that_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
