/* Calls as such: entering and leaving, refused numbers and registers, the serial ports, the end. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define SLOT_EMPTY 100u /* nothing is there in a small program */

static char buffer[PAGE_SIZE] __attribute__((aligned(4096)));

/* A call with any registers; returns rax. */
static long call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct guest_regs r = {.rax = SYS_BASE + number, .rdi = a, .rsi = b, .rdx = c, .r10 = d};

    guest_syscall(&r);
    return (long)r.rax;
}

static void registers(void)
{
    struct guest_regs r = {.rax = SYS_BASE, .rdi = 1, .rsi = 2, .rdx = 3, .r10 = 4, .r8 = 5};
    uint64_t rbx = 0x1111, r12 = 0x2222, r15 = 0x3333, rax = SYS_BASE;
    register uint64_t r13 __asm__("r13") = 0x4444;

    tap_is(exo_null(), ERR_OK, "the null call");
    guest_syscall(&r);
    tap_is((long)r.rax, ERR_OK, "the null call ignores its argument registers");
    tap_ok(!r.rdi && !r.rsi && !r.rdx && !r.r10 && !r.r8 && !r.r9,
           "argument registers and rdx come back cleared");
    __asm__ volatile(
        "mov %[r12], %%r12; mov %[r15], %%r15; syscall; mov %%r12, %[r12]; mov %%r15, %[r15]"
        : "+a"(rax), "+b"(rbx), [r12] "+m"(r12), [r15] "+m"(r15), "+r"(r13)
        :
        : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r15", "memory");
    tap_ok(rbx == 0x1111 && r12 == 0x2222 && r13 == 0x4444 && r15 == 0x3333,
           "the other registers keep their values");
}

static void numbers(void)
{
    tap_is(call(34, 0, 0, 0, 0), ERR_BAD_CALL, "the number behind the last call");
    tap_is(call(255, 0, 0, 0, 0), ERR_BAD_CALL, "the last number of the range");
    tap_is(call(256, 0, 0, 0, 0), ERR_BAD_CALL, "a number behind the range");
    tap_is(call(SYS_cap_delete, (uint64_t)1 << 32 | SLOT_EMPTY, 0, 0, 0), ERR_BAD_ARG,
           "a register that is wider than its argument is refused, not cut");
}

static slot_t weaker(slot_t src, rights_t rights)
{
    slot_t slot = guest_slot();

    exo_cap_copy(SLOT_ENV, slot, src, rights, 0, 0);
    return slot;
}

static void writing(void)
{
    slot_t reader = weaker(SLOT_CONSOLE, RIGHT_READ);
    vaddr_t text = (vaddr_t) "# written by console_write\n";
    word_t sent;

    tap_is(exo_console_write(SLOT_CONSOLE, 0, text, 1), ERR_BAD_ARG, "write to port 0");
    tap_is(exo_console_write(SLOT_CONSOLE, 4, text, 1), ERR_BAD_ARG, "write to port 4");
    tap_is(exo_console_write(SLOT_CONSOLE, 1, text, 4097), ERR_BAD_ARG, "write too much");
    tap_is(exo_console_write(SLOT_EMPTY, 1, text, 1), ERR_BAD_CAP, "write with an empty slot");
    tap_is(exo_console_write(SLOT_ENV, 1, text, 1), ERR_BAD_CAP, "write with another kind");
    tap_is(exo_console_write(reader, 1, text, 1), ERR_NO_RIGHT, "write without the right");
    tap_is(exo_console_write(SLOT_CONSOLE, 1, GUEST_FREE, 1), ERR_BAD_USER, "write unmapped bytes");
    tap_is(exo_console_write(SLOT_CONSOLE, 1, WINDOW_KINFO, 1), ERR_BAD_USER,
           "write from the kernel's window");
    tap_is(exo_console_write_get(SLOT_CONSOLE, 1, text, 27, &sent), ERR_OK, "write");
    tap_is((long)sent, 27, "write says how much was sent");
    tap_is(exo_console_write_get(SLOT_CONSOLE, 1, GUEST_FREE, 0, &sent), ERR_OK, "write nothing");
    slot_delete(reader);
}

/* The last mapped page before an unmapped one. */
static void writing_past_the_end(void)
{
    pfn_t frame;
    slot_t frames = guest_frames(1, &frame);
    word_t sent = 0;

    guest_tables(SLOT_ENV, GUEST_FREE);
    guest_bind(SLOT_ENV, frames, GUEST_FREE, frame, RIGHT_READ | RIGHT_WRITE);
    for (unsigned i = 0; i < 16; i++)
        ((volatile char *)GUEST_FREE)[PAGE_SIZE - 16 + i] = i == 15 ? '\n' : '#';
    tap_is(exo_console_write_get(SLOT_CONSOLE, 1, GUEST_FREE + PAGE_SIZE - 16, 64, &sent), ERR_OK,
           "write beyond a page that is the last");
    tap_is((long)sent, 16, "only what is mapped is sent");
    guest_unbind(SLOT_ENV, GUEST_FREE);
    region_give_frames(frames, frame, 1);
}

static void reading(void)
{
    slot_t writer = weaker(SLOT_CONSOLE, RIGHT_WRITE);
    vaddr_t to = (vaddr_t)buffer, text = (vaddr_t)reading & ~(PAGE_SIZE - 1);
    word_t got = 99;

    buffer[0] = 0;
    tap_is(exo_console_read(SLOT_CONSOLE, 2, to, 1), ERR_BAD_ARG, "read from port 2");
    tap_is(exo_console_read(SLOT_CONSOLE, 1, to, 4097), ERR_BAD_ARG, "read too much");
    tap_is(exo_console_read(SLOT_EMPTY, 1, to, 1), ERR_BAD_CAP, "read with an empty slot");
    tap_is(exo_console_read(writer, 1, to, 1), ERR_NO_RIGHT, "read without the right");
    tap_is(exo_console_read(SLOT_CONSOLE, 1, GUEST_FREE, 1), ERR_BAD_USER, "read to nowhere");
    tap_is(exo_console_read(SLOT_CONSOLE, 1, text, 1), ERR_BAD_USER, "read onto the own text");
    tap_is(exo_console_read_get(SLOT_CONSOLE, 1, to, 64, &got), ERR_OK, "read");
    tap_is((long)got, 0, "nothing has arrived");
    slot_delete(writer);
}

static void telling(void)
{
    slot_t writer = weaker(SLOT_CONSOLE, RIGHT_WRITE), bell, deaf;

    notify_new(&bell);
    deaf = weaker(bell, RIGHT_READ);
    tap_is(exo_console_notify(SLOT_CONSOLE, bell, 0), ERR_BAD_ARG, "be told by no bit");
    tap_is(exo_console_notify(SLOT_EMPTY, bell, 1), ERR_BAD_CAP, "be told of no console");
    tap_is(exo_console_notify(SLOT_CONSOLE, SLOT_ENV, 1), ERR_BAD_CAP, "tell what cannot be told");
    tap_is(exo_console_notify(writer, bell, 1), ERR_NO_RIGHT, "be told without the right to read");
    tap_is(exo_console_notify(SLOT_CONSOLE, deaf, 1), ERR_NO_RIGHT,
           "tell a notification that may only be read");
    tap_is(exo_console_notify(SLOT_CONSOLE, bell, 1), ERR_OK, "be told of input");
    tap_is(exo_console_notify(SLOT_CONSOLE, bell, 2), ERR_IN_USE, "be told twice");
    slot_delete(deaf);
    slot_delete(bell);
    notify_new(&bell);
    tap_is(exo_console_notify(SLOT_CONSOLE, bell, 1), ERR_OK,
           "with the notification its binding to the console is gone");
    slot_delete(bell);
    slot_delete(writer);
}

static void the_end(void)
{
    tap_is(exo_machine_off(SLOT_MACHINE, 256), ERR_BAD_ARG, "a status above 255");
    tap_is(exo_machine_off(SLOT_EMPTY, 0), ERR_BAD_CAP, "power off with an empty slot");
    tap_is(exo_machine_off(SLOT_CONSOLE, 0), ERR_BAD_CAP, "power off with another kind");
}

int main(void)
{
    guest_begin();
    registers();
    numbers();
    writing();
    writing_past_the_end();
    reading();
    telling();
    the_end();
    return tap_done();
}
