/* The door of the exokernel's calls: unknown numbers, registers that are too wide, and what comes
 * back in which register. */
#include "tests/host/kernel_world.h"

#include "exo/arch/upward.h"

#define CALL_LIMIT 256u /* numbers that the trap takes for exo4's */

/* Bytes of each argument of each call. */
static const struct call {
    const char *name;
    word_t number;
    uint8_t bytes[SYS_MAX_ARGS + 1];
} calls[] = {
#define ARG(type, field)            sizeof(type),
#define SYSCALL(number, name, args) {#name, number, {args 0}},
#include "exo/abi/syscalls.def"
#undef SYSCALL
#undef ARG
};
#define CALLS (sizeof calls / sizeof calls[0])

static int enter(word_t number, const word_t reg[SYS_MAX_ARGS])
{
    world_run(world.boss);
    return (int)world_dispatch(number, reg).error;
}

static void a_number_without_a_row_is_refused(void **state)
{
    (void)state;
    const word_t reg[SYS_MAX_ARGS] = {0};

    world_remember();
    assert_int_equal(enter(calls[CALLS - 1].number + 1, reg), ERR_BAD_CALL);
    assert_int_equal(enter(CALL_LIMIT - 1, reg), ERR_BAD_CALL);
    assert_true(world_is_same());
}

static void a_register_that_is_too_wide_for_its_argument_is_refused_and_never_cut(void **state)
{
    (void)state;
    unsigned tried = 0;

    world_remember();
    for (size_t i = 0; i < CALLS; i++)
        for (unsigned n = 0; calls[i].bytes[n]; n++) {
            if (calls[i].bytes[n] == sizeof(word_t))
                continue;
            for (unsigned bit = 8u * calls[i].bytes[n]; bit < 64; bit += 31) {
                word_t reg[SYS_MAX_ARGS] = {0};
                reg[n] = (word_t)1 << bit;
                if (enter(calls[i].number, reg) != ERR_BAD_ARG)
                    fail_msg("%s takes bit %u of argument %u", calls[i].name, bit, n);
                tried++;
            }
        }
    assert_true(tried > CALLS);
    assert_true(world_is_same());
}

static void the_null_call_does_nothing(void **state)
{
    (void)state;
    REFUSED(ERR_OK, world.boss, null, 0);
    assert_int_equal(BOSS(null, 1, 2, 3, 4, 5, 6), ERR_OK);
    assert_int_equal(world.result, 0);
}

static struct regs *set_registers(word_t rax)
{
    struct regs *r = thread_regs(world.boss);

    world_run(world.boss);
    *r = (struct regs){1,  2,  3,  4,   5,           6, 7,        8, 9, 10, 11,
                       12, 13, 14, rax, VECTOR_CALL, 0, 0x401000, 0, 0, 0,  0};
    r->cs = SEGMENT_USER_CODE;
    r->ss = SEGMENT_USER_DATA;
    return r;
}

static void a_call_clears_the_argument_registers_and_keeps_the_others(void **state)
{
    (void)state;
    struct regs *r = set_registers(SYS_BASE + SYS_cap_delete);

    r->rdi = SLOT_NONE;
    host_call(r);
    assert_int_equal(r->rax, ERR_BAD_ARG);
    assert_true(!r->rdx && !r->rdi && !r->rsi && !r->r8 && !r->r9 && !r->r10);
    assert_true(r->r15 == 1 && r->r14 == 2 && r->r13 == 3 && r->r12 == 4 && r->rbp == 5);
    assert_true(r->rbx == 6 && r->rip == 0x401000);
}

static void the_trap_knows_its_numbers_from_linux_ones(void **state)
{
    (void)state;
    static const word_t numbers[] = {
        SYS_BASE + CALL_LIMIT - 1, SYS_BASE + CALL_LIMIT, SYS_BASE - 1, 0, 60, ~(word_t)0};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct regs *r = set_registers(numbers[i]);
        host_call(r);
        assert_int_equal(r->rax, ERR_BAD_CALL);
        assert_int_equal(r->rdx, 0);
        assert_int_equal(r->rip, 0x401000);
        world_check();
    }
}

static void a_link_beyond_the_last_does_nothing(void **state)
{
    (void)state;
    struct regs *r = set_registers(SYS_BASE + SYS_null);
    r->rip = WINDOW_LINKS + PAGE_SIZE - 1;
    r->rdi = cpu_this()->current->utcb_va + UTCB_MR; /* the links' convention wants it */
    struct regs before = *r;

    host_call(r);
    assert_memory_equal(r, &before, sizeof before);
    world_check();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_number_without_a_row_is_refused),
        WORLD_TEST(a_register_that_is_too_wide_for_its_argument_is_refused_and_never_cut),
        WORLD_TEST(the_null_call_does_nothing),
        WORLD_TEST(a_call_clears_the_argument_registers_and_keeps_the_others),
        WORLD_TEST(the_trap_knows_its_numbers_from_linux_ones),
        WORLD_TEST(a_link_beyond_the_last_does_nothing),
    };
    return cmocka_run_group_tests_name("exo/entry/dispatch", tests, NULL, NULL);
}
