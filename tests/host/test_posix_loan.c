/* Host tests of who borrows memory: areas, futexes, what is pending, and the check of it. */
#include "libos-posix/base/area.h"
#include "libos-posix/process/futex.h"
#include "libos-posix/process/loan.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "tests/host/posix_family.h"

#define PLACE ((vaddr_t)world.user)

static struct loan loan;

/* A child as vfork makes it, for which no thread acts. */
static struct task *borrow_from(struct task *lender)
{
    struct arena *a = arena_get();
    struct process *p = process_create(a, lender->process, true);
    assert_non_null(p);
    struct task *t = task_create(a, p, p->pid);

    assert_non_null(t);
    p->vfork_waiter = lender;
    loan = (struct loan){.borrower = p, .pid = p->pid};
    lender->loan = &loan;
    return t;
}

static void give_back(struct task *lender, struct task *borrower)
{
    struct process *p = borrower->process;

    lender->loan = NULL;
    task_free(borrower);
    process_free(p);
    assert_null(arena_check(arena_get()));
}

static void a_borrower_uses_its_lenders_memory(void **state)
{
    struct task *self = task_current(), *t = borrow_from(self);
    struct process *p = t->process, *lender = self->process;
    const uint64_t total = area_total(lender);

    (void)state;
    assert_null(p->areas);
    assert_true(area_has(p, PLACE, 16, RIGHT_READ | RIGHT_WRITE));
    IS(area_total(p), total);
    const vaddr_t at = area_find_gap(p, PAGE_SIZE);
    assert_true(area_is_free(p, at, at + PAGE_SIZE));
    IS(area_map(p, at, at + PAGE_SIZE, RIGHT_READ), 0);
    assert_null(p->areas);
    assert_non_null(area_find(lender, at));
    assert_true(area_find(p, at) == area_find(lender, at));
    IS(area_protect(p, at, at + PAGE_SIZE, RIGHT_READ | RIGHT_WRITE), 0);
    assert_true(area_has(lender, at, PAGE_SIZE, RIGHT_WRITE));
    assert_true(area_has(p, at, PAGE_SIZE, RIGHT_WRITE));
    IS(area_unmap(p, at, at + PAGE_SIZE), 0);
    assert_false(area_has(p, at, 1, 0)); /* nothing of it is kept */
    assert_false(area_has(lender, at, 1, 0));
    const struct futex_key one = futex_key_of(p, PLACE), other = futex_key_of(lender, PLACE);
    assert_true(one.space == other.space && one.offset == other.offset);
    assert_null(arena_check(arena_get()));
    give_back(self, t);
    IS(area_total(lender), total);
}

static void a_borrower_gets_copies_of_all_areas(void **state)
{
    struct task *self = task_current(), *t = borrow_from(self);
    struct process *p = t->process;

    (void)state;
    assert_true(process_copy_memory(p));
    assert_non_null(p->areas);
    p->lender = NULL;
    self->loan = NULL;
    IS(area_total(p), area_total(self->process));
    assert_null(area_check(p));
    give_back(self, t);
}

static void who_is_to_end_calls_in(void **state)
{
    struct task *self = task_current(), *t = borrow_from(self);

    (void)state;
    assert_false(loan_is_called_in(t));
    assert_false(signal_is_due(t));
    t->blocked = ~SIGNALS_UNBLOCKABLE;
    loan_call_in(self);
    assert_true(loan_is_called_in(t));
    assert_true(signal_is_due(t));
    assert_null(arena_check(arena_get()));
    give_back(self, t);
}

static void the_check_names_what_is_broken(void **state)
{
    struct task *self = task_current(), *t = borrow_from(self);
    struct process *p = t->process;
    const struct arena *a = arena_get();

    (void)state;
    assert_null(loan_check(a));
    p->task_count++;
    assert_memory_equal(loan_check(a), "O1", 2);
    p->task_count--;
    p->vfork_waiter = NULL;
    assert_memory_equal(loan_check(a), "O2", 2);
    p->vfork_waiter = self;
    loan.borrower = self->process;
    assert_memory_equal(loan_check(a), "O2", 2);
    loan.borrower = p;
    p->lender = NULL;
    assert_memory_equal(loan_check(a), "O3", 2);
    p->lender = self->process;
    give_back(self, t);
}

/* The environment of both has ended without a word. */
static void who_borrows_is_lost_with_the_lender(void **state)
{
    const char *broken;

    (void)state;
    struct process *p = process_create(arena_get(), process_current(), false);
    struct task *lender = task_create(arena_get(), p, p->pid), *t = borrow_from(lender);
    const int32_t pid = p->pid, own = t->process->pid;
    struct loan *kept = core_heap_take(&arena_get()->heap, sizeof *kept);
    *kept = loan;
    lender->loan = kept;
    lock_inherit(t); /* it was in the core */
    IS(posix_keeper_lost(lender, &broken), POSIX_KEEPER_GO_ON);
    assert_null(broken);
    IS(arena_get()->lock.state, 0);
    assert_true(!process_find(arena_get(), own) || process_find(arena_get(), own)->ended);
    IS(child_wait(pid), SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY_TEST(a_borrower_uses_its_lenders_memory),
        FAMILY_TEST(a_borrower_gets_copies_of_all_areas),
        FAMILY_TEST(who_is_to_end_calls_in),
        FAMILY_TEST(the_check_names_what_is_broken),
        FAMILY_TEST(who_borrows_is_lost_with_the_lender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
