/* Instructions that access I/O ports: decoded, done for who holds the ports, else told to the
 * pager. */
#include "tests/host/kernel_ipc.h"

#include <string.h>

#include "bindings/cap.h"

#define NEVER TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define PORTS 50u
#define FIRST 0x200u       /* p holds [FIRST, FIRST + 8), to read and write   */
#define CODE  PARTY_MEMORY /* three pages; behind the fourth nothing is bound */
#define DATA  (PARTY_MEMORY + 2 * PAGE_SIZE)
#define END   (PARTY_MEMORY + PARTY_PAGES * PAGE_SIZE)

static struct party p, q; /* q is the pager of p */

/* What the device was asked, in order; it answers with 0x11223301, 0x11223302, ... */
static struct {
    uint16_t port;
    uint8_t bytes;
    bool in;
    uint32_t value;
} asked[256];
static unsigned count;

static uint32_t port_in(uint16_t port, unsigned bytes)
{
    assert_true(count < 256);
    asked[count].port = port;
    asked[count].bytes = (uint8_t)bytes;
    asked[count].in = true;
    return 0x11223300u + ++count;
}

static void port_out(uint16_t port, unsigned bytes, uint32_t value)
{
    assert_true(count < 256);
    asked[count].port = port;
    asked[count].bytes = (uint8_t)bytes;
    asked[count].in = false;
    asked[count++].value = value;
}

static void assert_asked(unsigned i, uint32_t port, unsigned bytes, bool in)
{
    assert_true(i < count);
    assert_int_equal(asked[i].port, port);
    assert_int_equal(asked[i].bytes, bytes);
    assert_int_equal(asked[i].in, in);
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(cap_copy, p.env, PORTS, ports_of(FIRST), RW, FIRST, 8));
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    count = 0;
    host.port_in = port_in;
    host.port_out = port_out;
    host.thread_pointer = 0;
    return 0;
}

static int tear_down(void **state)
{
    host.port_in = NULL;
    host.port_out = NULL;
    return world_end(state);
}

/* p runs into the general-protection exception of the code at `ip`, its other registers as they
 * are. */
static struct regs *meet(vaddr_t ip)
{
    struct regs *r = thread_regs(p.t);

    world_run(p.t);
    r->rip = ip;
    r->rflags |= FLAGS_DEFAULT;
    r->vector = VECTOR_PROTECTION;
    r->error = 0;
    host_trap(r);
    world_check();
    return r;
}

static void put(vaddr_t ip, const char *code, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *(char *)memory_of(p.t, ip + i) = code[i];
}

/* The same with that code, which is done, `bytes` long. */
#define DONE(code) assert_int_equal(begin(code, sizeof(code) - 1)->rip, CODE + sizeof(code) - 1)
static struct regs *begin(const char *code, size_t bytes)
{
    put(CODE, code, bytes);
    return meet(CODE);
}

static void in_and_out_of_each_width(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);

    r->rdx = 0xabc0000 | FIRST;
    r->rax = 0xffffffffffffffff;
    DONE("\xec"); /* in %dx, %al */
    assert_int_equal(r->rax, 0xffffffffffffff01);
    DONE("\x66\xed");
    assert_int_equal(r->rax, 0xffffffffffff3302);
    DONE("\xed");
    assert_int_equal(r->rax, 0x11223303);
    r->rax = 0xdeadbeefcafef00d;
    DONE("\xee");
    DONE("\x66\xef");
    DONE("\xef");
    assert_int_equal(r->rax, 0xdeadbeefcafef00d);
    const unsigned bytes[] = {1, 2, 4, 1, 2, 4};
    for (unsigned i = 0; i < 6; i++)
        assert_asked(i, FIRST, bytes[i], i < 3);
    assert_int_equal(asked[3].value, 0x0d);
    assert_int_equal(asked[4].value, 0xf00d);
    assert_int_equal(asked[5].value, 0xcafef00d);
}

static void immediate_ports_and_prefixes(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);

    OK(BOSS(cap_copy, p.env, PORTS + 1, ports_of(0x80), RW, 0x80, 1));
    r->rdx = FIRST;
    DONE("\xe4\x80");
    DONE("\xe6\x80");
    assert_asked(0, 0x80, 1, true);
    assert_asked(1, 0x80, 1, false);
    DONE("\x48\x66\x2e\xed"); /* REX.W not in front of the opcode: 16 bits */
    assert_asked(2, FIRST, 2, true);
    DONE("\x66\x48\xed"); /* in front of it: 32 */
    assert_asked(3, FIRST, 4, true);
    DONE("\xf3\x66\xec"); /* repetition means nothing here */
    assert_asked(4, FIRST, 1, true);
    DONE("\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\xec"); /* 15 bytes */
    assert_int_equal(count, 6);
}

static void strings_go_up_and_down(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);
    uint32_t *data = memory_of(p.t, DATA);

    r->rdx = FIRST;
    r->rdi = DATA;
    DONE("\x6d"); /* insl */
    assert_int_equal(data[0], 0x11223301);
    assert_int_equal(r->rdi, DATA + 4);
    r->rflags |= 0x400;
    DONE("\x6c"); /* insb */
    assert_int_equal(data[1] & 0xff, 0x02);
    assert_int_equal(r->rdi, DATA + 3);
    r->rflags &= ~(uint64_t)0x400;
    r->rsi = DATA;
    r->rcx = 3;
    DONE("\xf3\x66\x6f"); /* rep outsw */
    assert_int_equal(r->rcx, 0);
    assert_int_equal(r->rsi, DATA + 6);
    assert_asked(2, FIRST, 2, false);
    assert_int_equal(asked[2].value, 0x3301);
    assert_int_equal(asked[3].value, 0x1122);
    assert_int_equal(count, 5);
    r->rcx = 0;
    DONE("\xf2\x6c"); /* nothing to do */
    assert_int_equal(count, 5);
    assert_int_equal(arch_pte_used(entry_of(p.e, DATA)), RW);
}

static void addresses_of_32_bits_and_segments(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);
    uint8_t *data = memory_of(p.t, DATA);

    r->rdx = FIRST;
    r->rdi = 0xffffffff00000000 | DATA;
    r->rcx = 0xffffffff00000002;
    DONE("\x67\xf3\x6c");
    assert_int_equal(r->rdi, DATA + 2);
    assert_int_equal(r->rcx, 0);
    assert_int_equal(data[1], 2);
    host.thread_pointer = DATA - 16;
    r->rsi = 17;
    DONE("\x64\x6e"); /* outsb %fs:(%rsi) */
    assert_int_equal(asked[2].value, 2);
    r->rsi = DATA + 1 - p.t->arch.gs_base;
    DONE("\x65\x6e");
    assert_int_equal(asked[3].value, 2);
}

static void long_strings_are_entered_again(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);

    r->rdx = FIRST;
    r->rdi = DATA;
    r->rcx = 100;
    assert_int_equal(begin("\xf3\x6c", 2)->rip, CODE);
    assert_int_equal(r->rcx, 36);
    assert_int_equal(meet(CODE)->rip, CODE + 2);
    assert_int_equal(r->rcx, 0);
    assert_int_equal(count, 100);
}

/* `p` is in a kernel message of `label` to q, whose words these are. */
static void assert_told(word_t label, word_t first, word_t second)
{
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(label, 2, 0));
    assert_int_equal(get_mr(q.t, 1), first);
    assert_int_equal(get_mr(q.t, 2), second);
}

static void memory_that_is_not_there_is_a_page_fault(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);

    r->rdx = FIRST;
    r->rdi = END - 2;
    r->rcx = 2;
    begin("\xf3\x6d", 2); /* the first of two words lies across the end */
    assert_told(LABEL_PAGE_FAULT | FPAGE_WRITE, END, CODE);
    assert_int_equal(count, 0); /* nothing is read in vain */
    assert_int_equal(r->rcx, 2);
    ipc(q.t, p.t->global_id, L4_NIL, NEVER); /* no help */
    r->rsi = 0x5000;
    meet(CODE);
    assert_told(LABEL_PAGE_FAULT | FPAGE_WRITE, END, CODE);
    ipc(q.t, p.t->global_id, L4_NIL, NEVER);
    begin("\x6e", 1);
    assert_told(LABEL_PAGE_FAULT | FPAGE_READ, 0x5000, CODE);
}

static void ports_that_it_lacks_are_the_pagers_business(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);
    static const struct {
        uint32_t port, base;
        const char *code;
        unsigned bytes, bits;
        word_t rights;
    } rows[] = {
        {0x300, 0x300, "\xec", 1, 0, FPAGE_READ},
        {0x301, 0x300, "\x66\xef", 2, 2, FPAGE_WRITE}, /* the least that has both */
        {FIRST + 6, FIRST, "\xed", 1, 4, FPAGE_READ},  /* two of these it has     */
        {0xffff, 0xffff, "\xee", 1, 0, FPAGE_WRITE},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        r->rdx = rows[i].port;
        begin(rows[i].code, rows[i].bytes);
        assert_told(LABEL_PORT_FAULT | FPAGE_READ | FPAGE_WRITE,
                    FPAGE_PORTS(rows[i].base, rows[i].bits) | rows[i].rights, CODE);
        ipc(q.t, p.t->global_id, L4_NIL, NEVER);
        assert_int_equal(r->rip, CODE);
    }
    assert_int_equal(count, 0);
}

static void the_pagers_reply_brings_them(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);

    OK(BOSS(env_kmem, p.env, REGION));
    OK(BOSS(cap_copy, q.env, PORTS, ports_of(0x300), RW, 0x300, 8));
    r->rdx = 0x304;
    r->rax = 7;
    begin("\xee", 1);
    assert_told(LABEL_PORT_FAULT | FPAGE_READ | FPAGE_WRITE, FPAGE_PORTS(0x304, 0) | FPAGE_WRITE,
                CODE);
    set_mr(q.t, 0, TAG_MAKE(0, 0, 2));
    set_mr(q.t, 1, ITEM_MAP);
    set_mr(q.t, 2, FPAGE_PORTS(0x300, 3));
    ipc(q.t, p.t->global_id, L4_NIL, NEVER);
    assert_int_equal(meet(CODE)->rip, CODE + 1);
    assert_asked(0, 0x304, 1, false);
    OK(BOSS(cap_delete, q.env)); /* with its ports theirs are gone */
    *thread_mr(p.t, TCR_PAGER) = L4_NIL;
    meet(CODE);
    assert_true(p.e->ended);
}

static void the_right_is_that_of_the_direction(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, p.env, PORTS + 1, ports_of(0x300), RIGHT_READ, 0x300, 1));
    thread_regs(p.t)->rdx = 0x300;
    DONE("\xec");
    begin("\xee", 1);
    assert_told(LABEL_PORT_FAULT | FPAGE_READ | FPAGE_WRITE, FPAGE_PORTS(0x300, 0) | FPAGE_WRITE,
                CODE);
}

/* Not an access that could be allowed: p ends by the exception, as it has no handler. */
static void assert_exception(const char *code, unsigned bytes, uint32_t port)
{
    thread_regs(p.t)->rdx = port;
    begin(code, bytes);
    assert_true(p.e->ended);
    assert_int_equal(p.e->info->death, VECTOR_PROTECTION + 1);
    assert_int_equal(p.e->info->death_ip, CODE);
    assert_int_equal(count, 0);
}

#define EXCEPTION(name, code, port)                                                                \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        assert_exception(code, sizeof(code) - 1, port);                                            \
    }
EXCEPTION(another_instruction_is_an_exception, "\xf4", FIRST)
EXCEPTION(two_bytes_opcodes_are_others, "\x0f\x6f", FIRST)
EXCEPTION(ports_beyond_the_last_are_an_exception, "\xed", 0xfffe)
EXCEPTION(sixteen_bytes_are_no_instruction,
          "\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\xec", FIRST)

static void addresses_that_are_nobodys_are_an_exception(void **state)
{
    (void)state;
    thread_regs(p.t)->rdi = USER_TOP - 1;
    thread_regs(p.t)->rsi = ~(uint64_t)0;
    assert_exception("\x6e", 1, FIRST);
}

static void code_that_has_gone_is_fetched_again(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);
    const struct regs before = *r;

    r->rdx = FIRST;
    assert_int_equal(meet(END + 5)->rip, END + 5); /* no page is there: that is a page fault now */
    put(END - 1, "\x66", 1);
    assert_int_equal(meet(END - 1)->rip, END - 1);
    put(END - 1, "\xe4", 1);
    assert_int_equal(meet(END - 1)->rip, END - 1);
    assert_int_equal(r->rax, before.rax);
    assert_false(p.e->ended);
    put(END - 1, "\xec", 1); /* all of it is there */
    assert_int_equal(meet(END - 1)->rip, END);
    put(CODE + PAGE_SIZE - 1, "\x66\xed", 2);
    assert_int_equal(meet(CODE + PAGE_SIZE - 1)->rip, CODE + PAGE_SIZE + 1);
    assert_asked(1, FIRST, 2, true);
}

static void code_of_the_kernel_is_an_exception(void **state)
{
    (void)state;
    meet(WINDOW_LINKS);
    assert_true(p.e->ended);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_and_out_of_each_width),
        TEST(immediate_ports_and_prefixes),
        TEST(strings_go_up_and_down),
        TEST(addresses_of_32_bits_and_segments),
        TEST(long_strings_are_entered_again),
        TEST(memory_that_is_not_there_is_a_page_fault),
        TEST(ports_that_it_lacks_are_the_pagers_business),
        TEST(the_pagers_reply_brings_them),
        TEST(the_right_is_that_of_the_direction),
        TEST(another_instruction_is_an_exception),
        TEST(two_bytes_opcodes_are_others),
        TEST(ports_beyond_the_last_are_an_exception),
        TEST(sixteen_bytes_are_no_instruction),
        TEST(addresses_that_are_nobodys_are_an_exception),
        TEST(code_that_has_gone_is_fetched_again),
        TEST(code_of_the_kernel_is_an_exception),
    };
    return cmocka_run_group_tests_name("l4core/port_fault", tests, NULL, NULL);
}
