/* Host tests of the memory calls and of the areas behind them. */
#include "tests/host/posix_world.h"

#define P(text)  user_text(text)
#define RW       (PROT_READ | PROT_WRITE)
#define ANON     (MAP_PRIVATE | MAP_ANONYMOUS)
#define PAGES(n) ((size_t)(n)*PAGE_SIZE)

static void anonymous_memory_is_zero_and_separate(void **state)
{
    (void)state;
    char *a = (char *)SYS(mmap, 0, 5000, RW, ANON, -1, 0);
    char *b = (char *)SYS(mmap, 0, 1, RW, ANON, -1, 0);

    assert_int_equal((vaddr_t)a % PAGE_SIZE, 0);
    for (size_t i = 0; i < PAGES(2); i++)
        IS(a[i], 0);
    a[0] = b[0] = 1;
    IS(SYS(munmap, a, 5000), 0);
    char *again = (char *)SYS(mmap, a, 5000, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(again, a);
    IS(again[0], 0);
    IS(b[0], 1);
}

static void mmap_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    long fd = SYS(open, P("/etc/text"), O_RDONLY), out = SYS(creat, P("/new"), 0600);
    const long taken = (long)world.user;
    const struct {
        long hint, bytes, protection, flags, fd, offset, want;
    } rows[] = {
        {0, 0, RW, ANON, -1, 0, -EINVAL},
        {0, 1, RW, MAP_ANONYMOUS, -1, 0, -EINVAL},
        {0, -1, RW, ANON, -1, 0, -ENOMEM},
        {0, (long)1 << 46, RW, ANON, -1, 0, -ENOMEM},
        {0, (long)(FAKE_MAP_HIGH - FAKE_MAP_LOW), RW, ANON, -1, 0, -ENOMEM},
        {taken + 1, 1, RW, ANON | MAP_FIXED, -1, 0, -EINVAL},
        {taken, 1, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0, -EEXIST},
        {(long)FAKE_CORE_LOW, 4096, RW, ANON | MAP_FIXED, -1, 0, -ENOMEM},
        {0, 4096, RW, ANON | MAP_FIXED, -1, 0, -ENOMEM},
        {-4096, 4096, RW, ANON | MAP_FIXED, -1, 0, -ENOMEM},
        {(long)FAKE_MAP_HIGH - 4096, 8192, RW, ANON | MAP_FIXED, -1, 0, -ENOMEM},
        {0, 4096, PROT_READ, MAP_PRIVATE, 99, 0, -EBADF},
        {0, 4096, PROT_READ, MAP_PRIVATE, fd, 1, -EINVAL},
        {0, 4096, PROT_READ, MAP_PRIVATE, out, 0, -EACCES},
        {0, 4096, PROT_READ, MAP_PRIVATE, 1, 0, -ENODEV},
        {0, 4096, RW, MAP_SHARED, fd, 0, -EACCES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        IS(SYS(mmap, rows[i].hint, rows[i].bytes, rows[i].protection, rows[i].flags, rows[i].fd,
               rows[i].offset),
           rows[i].want);
    fd = SYS(open, P("/new"), O_RDWR);
    assert_true(SYS(mmap, 0, 4096, RW, MAP_SHARED, fd, 0) > 0);
}

static void a_hint_is_taken_when_free(void **state)
{
    (void)state;
    const long hint = (long)FAKE_MAP_LOW + 0x100000;

    IS(SYS(mmap, hint + 5, 4096, RW, ANON, -1, 0), hint);
    assert_true(SYS(mmap, hint, 4096, RW, ANON, -1, 0) != hint);
    IS(SYS(mmap, hint, 4096, RW, ANON | MAP_FIXED, -1, 0), hint);
}

static void a_file_is_mapped_as_a_copy(void **state)
{
    (void)state;
    long fd = SYS(open, P("/etc/text"), O_RDWR);
    char *copy = (char *)SYS(mmap, 0, PAGES(2), RW, MAP_PRIVATE, fd, 0);
    const char *shared = (const char *)SYS(mmap, 0, 14, PROT_READ, MAP_SHARED, fd, 0);

    assert_memory_equal(copy, "one\ntwo\nthree\n\0\0", 16);
    assert_memory_equal(shared, "one\n", 4);
    copy[0] = 'X';
    IS(SYS(pread64, fd, world.user, 1, 0), 1);
    IS(world.user[0], 'o');
    IS(SYS(close, fd), 0);
    IS(copy[1], 'n');
    long behind = SYS(mmap, 0, 10, PROT_READ, MAP_PRIVATE, SYS(open, P("/etc/text")), PAGES(5));
    IS(SYS(write, 1, behind, 1), -EFAULT); /* whole pages behind the end */
    fd = SYS(open, P("/dev/zero"), O_RDWR);
    IS(*(const char *)SYS(mmap, 0, 10, RW, MAP_PRIVATE, fd, 0), 0);
}

static void munmap_cuts_holes(void **state)
{
    (void)state;
    long at = SYS(mmap, 0, PAGES(5), RW, ANON, -1, 0);
    size_t before = fake.mapped_bytes;

    IS(SYS(munmap, at + (long)PAGES(1), PAGES(1)), 0);
    IS(SYS(munmap, at + (long)PAGES(3), 1), 0);
    IS(fake.mapped_bytes, before - PAGES(2));
    IS(SYS(write, 1, at + (long)PAGES(1), 1), -EFAULT);
    IS(SYS(write, 1, at + (long)PAGES(2), 1), 1);
    IS(SYS(munmap, at, PAGES(5)), 0); /* holes are allowed */
    IS(SYS(munmap, at + 1, 1), -EINVAL);
    IS(SYS(munmap, at, 0), -EINVAL);
    IS(SYS(munmap, FAKE_CORE_LOW, 4096), -EINVAL);
    IS(SYS(munmap, at, -4096), -EINVAL);
}

static void protection_is_checked_by_the_core(void **state)
{
    (void)state;
    long at = SYS(mmap, 0, PAGES(3), PROT_READ, ANON, -1, 0), middle = at + (long)PAGES(1);

    IS(SYS(mprotect, middle, PAGES(1), 0), 0);
    IS(SYS(write, 1, middle, 1), -EFAULT);
    IS(SYS(mprotect, middle, PAGES(1), PROT_WRITE), 0);
    IS(SYS(read, SYS(open, P("/etc/text")), middle, 4), 4);
    IS(SYS(getcwd, at, 10), -EFAULT);
    IS(SYS(mprotect, at, PAGES(3), RW), 0);
    IS(SYS(getcwd, at, 10), 2);
    IS(SYS(mprotect, at + 1, 1, PROT_READ), -EINVAL);
    IS(SYS(mprotect, at, 1, 0x100), -EINVAL);
    IS(SYS(mprotect, at, 0, PROT_READ), 0);
    IS(SYS(munmap, middle, 1), 0);
    IS(SYS(mprotect, at, PAGES(3), PROT_READ), -ENOMEM);
    IS(SYS(mprotect, FAKE_CORE_LOW, PAGES(1), PROT_READ), -ENOMEM);
}

static void the_break_grows_and_shrinks(void **state)
{
    (void)state;
    struct process *p = process_current();
    const long low = (long)FAKE_MAP_LOW;

    p->break_low = p->break_now = (vaddr_t)low;
    IS(SYS(brk, 0), low);
    IS(SYS(brk, low + 5000), low + 5000);
    ((char *)low)[4999] = 1;
    IS(SYS(brk, low + 100), low + 100);
    IS(SYS(write, 1, low + 4999, 1), -EFAULT);
    IS(SYS(brk, low + 5000), low + 5000);
    IS(((char *)low)[4999], 0);
    IS(SYS(brk, low - 1), low + 5000);
    IS(SYS(brk, -1), low + 5000);
    IS(SYS(mmap, low + (long)PAGES(4), 1, RW, ANON | MAP_FIXED, -1, 0), low + (long)PAGES(4));
    IS(SYS(brk, low + (long)PAGES(8)), low + 5000); /* something is in the way */
    IS(SYS(brk, low), low);
}

static void mremap_shrinks_grows_and_moves(void **state)
{
    (void)state;
    char *a = (char *)SYS(mmap, 0, PAGES(4), RW, ANON, -1, 0);

    strcpy(a, "kept");
    IS(SYS(mremap, a, PAGES(4), PAGES(2), 0), (long)a);
    IS(SYS(mremap, a, PAGES(2), PAGES(4), 0), (long)a);
    IS(SYS(mremap, a, PAGES(4), PAGES(64), 0), -ENOMEM); /* other memory is behind */
    char *b = (char *)SYS(mremap, a, PAGES(4), PAGES(64), MREMAP_MAYMOVE);
    assert_true(b != a && (long)b > 0);
    assert_string_equal(b, "kept");
    IS(SYS(write, 1, a, 1), -EFAULT);
    IS(SYS(mremap, b, PAGES(64), 0, 0), -EINVAL);
    IS(SYS(mremap, b + 1, PAGES(1), PAGES(2), 0), -EINVAL);
    IS(SYS(mremap, a, PAGES(1), PAGES(2), MREMAP_MAYMOVE), -EFAULT);
    IS(SYS(mremap, b, PAGES(1), PAGES(2), MREMAP_MAYMOVE | MREMAP_FIXED, a), -EINVAL);
    IS(SYS(mremap, b, PAGES(64), (long)1 << 62, MREMAP_MAYMOVE), -ENOMEM);
    assert_string_equal(b, "kept");
}

static void madvise_dontneed_clears(void **state)
{
    (void)state;
    world.user[0] = world.user[PAGE_SIZE] = 7;
    IS(SYS(madvise, world.user, PAGE_SIZE, MADV_FREE), 0);
    IS(world.user[0], 7);
    IS(SYS(madvise, world.user, PAGE_SIZE, MADV_DONTNEED), 0);
    IS(world.user[0], 0);
    IS(world.user[PAGE_SIZE], 7);
    IS(SYS(madvise, world.user + 1, PAGE_SIZE, MADV_DONTNEED), -EINVAL);
    IS(SYS(madvise, world.hole, PAGE_SIZE, MADV_DONTNEED), -ENOMEM);
    IS(SYS(msync, world.user, PAGE_SIZE, 4), 0);
    IS(SYS(msync, world.hole, PAGE_SIZE, 4), -ENOMEM);
    IS(SYS(msync, world.user, PAGE_SIZE, 5), -EINVAL);
}

static void running_out_of_memory_changes_nothing(void **state)
{
    (void)state;
    uint64_t before = area_total(process_current());

    fake.limit_bytes = fake.mapped_bytes + PAGES(3);
    IS(SYS(mmap, 0, PAGES(4), RW, ANON, -1, 0), -ENOMEM);
    assert_true(SYS(mmap, 0, PAGES(3), RW, ANON, -1, 0) > 0);
    IS(SYS(mmap, 0, PAGES(1), RW, ANON, -1, 0), -ENOMEM);
    IS(SYS(mremap, world.user, PAGES(1), PAGES(40), MREMAP_MAYMOVE), -ENOMEM);
    IS(area_total(process_current()), before + PAGES(3));
}

/* Sixteen pages in one area are taken away and come back one by one, here and there. */
static void pages_come_and_go_anywhere(void **state)
{
    enum { COUNT = 16 };
    char *const base = (char *)SYS(mmap, 0, PAGES(COUNT), RW, ANON, -1, 0);
    bool there[COUNT];

    (void)state;
    memset(there, true, sizeof there);
    srand(5);
    for (unsigned round = 0; round < 3000; round++) {
        const unsigned first = (unsigned)rand() % COUNT;
        const unsigned count = 1 + (unsigned)rand() % (COUNT - first);
        const bool comes = rand() % 2;
        char *const at = base + PAGES(first);
        if (comes)
            IS(SYS(mmap, at, PAGES(count), rand() % 2 ? RW : PROT_READ, ANON | MAP_FIXED, -1, 0),
               (long)at);
        else
            IS(SYS(munmap, at, PAGES(count)), 0);
        memset(there + first, comes, count);
        assert_null(area_check(process_current()));
        for (unsigned i = 0; i < COUNT; i++)
            assert_int_equal(area_find(process_current(), (vaddr_t)(base + PAGES(i))) != NULL,
                             there[i]);
    }
    IS(SYS(munmap, base, PAGES(COUNT)), 0);
}

/* What is known of one area does not hide the next one, which allows less. */
static void a_range_may_go_over_areas_of_different_rights(void **state)
{
    char *const at = (char *)SYS(mmap, 0, PAGES(4), RW, ANON, -1, 0);
    const long clock = 0;

    (void)state;
    strcpy(at + PAGES(2) - 4, "/etc/text");
    IS(SYS(mprotect, at + PAGES(2), PAGES(2), PROT_READ), 0);
    IS(SYS(clock_gettime, clock, at + PAGES(1)),
       0); /* the first two pages are known to be writable */
    assert_true(SYS(open, at + PAGES(2) - 4, O_RDONLY) > 0);
    IS(SYS(clock_gettime, clock, at), 0);
    IS(SYS(madvise, at, PAGES(4), 0), 0);
    IS(SYS(mlock, at, PAGES(4)), 0);
    IS(SYS(munlock, at, PAGES(4)), 0);
    IS(SYS(clock_gettime, clock, at), 0);
    IS(SYS(mprotect, at, PAGES(4), PROT_READ), 0);
    assert_null(area_check(process_current()));
    IS(SYS(clock_gettime, clock, at), -EFAULT);
    IS(SYS(munmap, at, PAGES(4)), 0);
}

/* The check itself is code, so it is tested: break each invariant, expect its name. */
static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    struct process *p = process_current();
    struct area *a = p->areas, *b = a->next;

    assert_non_null(b);
    vaddr_t end = a->end;
    a->end = a->start;
    assert_memory_equal(area_check(p), "A1", 2);
    a->end = b->start + PAGE_SIZE;
    assert_memory_equal(area_check(p), "A2", 2);
    a->end = end;
    rights_t rights = a->rights;
    a->rights = b->rights;
    assert_memory_equal(area_check(p), "A3", 2);
    a->rights = rights;
    a->behind = true;
    assert_memory_equal(area_check(p), "A5", 2);
    a->behind = false;
    struct area gone = *a;
    p->area_last = &gone;
    assert_memory_equal(area_check(p), "A6", 2);
    p->area_last = b;
    a->adopted = true; /* lies elsewhere by right, and is of another kind */
    assert_null(area_check(p));
    a->adopted = false;
}

/* A fault of the program at `at`; true: it can go on. */
static bool goes_on(const char *at, uint64_t error, struct posix_fault *fault)
{
    *fault =
        (struct posix_fault){.number = SIGSEGV, .address = (vaddr_t)at, .trap = 14, .error = error};
    return posix_fault_repair(fault);
}

static void memory_behind_the_end_of_a_file_is_its_own_signal(void **state)
{
    const int kinds[] = {MAP_SHARED, MAP_PRIVATE};
    struct posix_fault fault;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        long fd = SYS(open, P("/new"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        IS(SYS(ftruncate, fd, 10), 0);
        char *at = (char *)SYS(mmap, 0, PAGES(4), RW, kinds[i], fd, 0);
        at[PAGES(1) - 1] = 1;
        IS(SYS(getrandom, at + PAGES(1), 1, 0), -EFAULT);
        IS(goes_on(at + PAGES(1), 4, &fault), false);
        IS(fault.number, SIGBUS);
        IS(fault.code, 2);
        IS(SYS(mprotect, at + PAGES(3), PAGES(1), PROT_READ), 0);
        IS(goes_on(at + PAGES(3), 6, &fault), false);
        IS(fault.number, SIGSEGV);
        IS(SYS(ftruncate, fd, PAGES(2)), 0);
        IS(goes_on(at + PAGES(1), 6, &fault), true);
        at[PAGES(1)] = 7;
        IS(goes_on(at + PAGES(2), 4, &fault), false);
        IS(SYS(ftruncate, fd, PAGES(4)), 0);
        IS(SYS(getrandom, at + PAGES(2), 1, 0), 1); /* a call finds that it has grown */
        IS(SYS(getrandom, at + PAGES(3), 1, 0), -EFAULT);
        IS(SYS(ftruncate, fd, 0), 0);
        IS(goes_on(at, 4, &fault), false);
        IS(fault.number, SIGBUS);
        assert_null(area_check(process_current()));
        IS(SYS(munmap, at, PAGES(4)), 0);
        IS(SYS(close, fd), 0);
    }
    IS(goes_on(world.hole, 4, &fault), false);
    IS(fault.number, SIGSEGV);
    IS(fault.code, 1);
}

static void locks_of_memory_are_told_by_msync(void **state)
{
    char *at = (char *)SYS(mmap, 0, PAGES(3), RW, ANON, -1, 0);
    const long invalidate = 2;

    (void)state;
    IS(SYS(mlock, at + PAGES(1) + 1, 1), 0);
    IS(SYS(msync, at + PAGES(1), PAGES(1), invalidate), -EBUSY);
    IS(SYS(msync, at, PAGES(1), invalidate), 0);
    assert_null(area_check(process_current()));
    IS(SYS(munlock, at, PAGES(3)), 0);
    IS(SYS(msync, at, PAGES(3), invalidate), 0);
    IS(SYS(mlock, world.hole, 1), -ENOMEM);
    IS(SYS(mlockall, 0), -EINVAL);
    IS(SYS(mlockall, 4), -EINVAL);
    IS(SYS(mlockall, 2), 0);
    IS(SYS(msync, at, PAGES(1), invalidate), 0);
    char *later = (char *)SYS(mmap, 0, PAGES(1), RW, ANON, -1, 0);
    IS(SYS(msync, later, PAGES(1), invalidate), -EBUSY);
    IS(SYS(munlockall), 0);
    IS(SYS(msync, later, PAGES(1), invalidate), 0);
    assert_null(area_check(process_current()));
}

static void adopted_memory_is_known_and_can_be_used(void **state)
{
    static _Alignas(4096) char page[4096];

    (void)state;
    vaddr_t at = (vaddr_t)page;
    strcpy(page, "/etc/text");
    IS(SYS(access, page, 0), -EFAULT);
    IS(posix_adopt(at, at + PAGE_SIZE, RIGHT_READ | RIGHT_WRITE), 0);
    IS(SYS(access, page, 0), 0);
    IS(posix_adopt(at, at + PAGE_SIZE, RIGHT_READ), -EINVAL);
    IS(posix_adopt(at + 1, at + PAGE_SIZE, RIGHT_READ), -EINVAL);
    IS(posix_adopt(at, at, RIGHT_READ), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(anonymous_memory_is_zero_and_separate),
        WORLD_TEST(mmap_refuses_what_it_cannot_do),
        WORLD_TEST(a_hint_is_taken_when_free),
        WORLD_TEST(a_file_is_mapped_as_a_copy),
        WORLD_TEST(munmap_cuts_holes),
        WORLD_TEST(protection_is_checked_by_the_core),
        WORLD_TEST(the_break_grows_and_shrinks),
        WORLD_TEST(mremap_shrinks_grows_and_moves),
        WORLD_TEST(madvise_dontneed_clears),
        WORLD_TEST(running_out_of_memory_changes_nothing),
        WORLD_TEST(a_range_may_go_over_areas_of_different_rights),
        WORLD_TEST(pages_come_and_go_anywhere),
        WORLD_TEST(check_names_the_broken_invariant),
        WORLD_TEST(memory_behind_the_end_of_a_file_is_its_own_signal),
        WORLD_TEST(locks_of_memory_are_told_by_msync),
        WORLD_TEST(adopted_memory_is_known_and_can_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
