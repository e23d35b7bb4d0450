/* Threads that say that they use no extended state: they have none, and others keep theirs. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/slots.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define DEVICE_NOT_AVAILABLE 7u
#define SLOT_EMPTY           100u
#define PATIENCE             1000000000ul /* rounds; only to notice that it never runs */

static void errors(slot_t thread)
{
    slot_t weak = guest_slot();
    struct raw running;

    exo_cap_copy(SLOT_ENV, weak, thread, RIGHT_READ, 0, 0);
    tap_is(exo_thread_fpu(thread, 2), ERR_BAD_ARG, "neither on nor off");
    tap_is(exo_thread_fpu(SLOT_EMPTY, 0), ERR_BAD_CAP, "an empty slot");
    tap_is(exo_thread_fpu(SLOT_ENV, 0), ERR_BAD_CAP, "no thread");
    tap_is(exo_thread_fpu(weak, 0), ERR_NO_RIGHT, "without the right");
    raw_make(&running, BLOB(spin));
    raw_start(&running, 0);
    tap_is(exo_thread_fpu(running.thread, 0), ERR_BAD_STATE, "another that runs");
    raw_destroy(&running);
    slot_delete(weak);
}

/* Sets xmm5, perhaps turns the state off and on, and waits until `other` has counted on. */
static uint64_t kept(bool off, const volatile uint64_t *other)
{
    uint64_t before = *other;
    uint64_t value = 0x1122334455667788;
    word_t number = SYS_BASE + SYS_thread_fpu, error;

    __asm__ volatile("movq %0, %%xmm5" : : "r"(value) : "xmm5");
    for (word_t on = 0; off && on < 2; on++) {
        word_t thread = SLOT_THREAD, value_on = on;
        __asm__ volatile("syscall"
                         : "=a"(error), "+D"(thread), "+S"(value_on)
                         : "0"(number)
                         : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    }
    for (unsigned long i = 0; i < PATIENCE && *other == before; i++)
        ;
    __asm__ volatile("movq %%xmm5, %0" : "=r"(value));
    return value;
}

int main(void)
{
    struct raw none, user;

    guest_begin();
    raw_make(&none, BLOB(spin));
    errors(none.thread);
    tap_is(exo_thread_fpu(none.thread, 0), ERR_OK, "a stopped thread");
    raw_start(&none, 0);
    raw_make(&user, BLOB(sse));
    exo_thread_start(user.thread, RAW_CODE, RAW_STACK_TOP, 0);
    guest_sleep(20000);
    tap_ok(*raw_data(&user) == 1 && *raw_data(&none) > 0, "runs beside one that has it");
    uint64_t before = *raw_data(&none);
    tap_ok(kept(false, raw_data(&none)) == 0x1122334455667788, "which keeps what it holds");
    tap_ok(*raw_data(&none) > before, "while the other runs");
    tap_ok(kept(true, raw_data(&none)) == 0x1122334455667788,
           "also when it turns it off and on itself");
    raw_destroy(&user);
    raw_destroy(&none);

    raw_make(&user, BLOB(sse));
    exo_thread_fpu(user.thread, 0);
    raw_start(&user, 0);
    tap_is(raw_wait(&user), ERR_OK, "one that has none and uses it ends");
    tap_ok(book_env(user.number)->death == DEVICE_NOT_AVAILABLE + 1 &&
               book_env(user.number)->death_ip == RAW_CODE,
           "by exception 7, at that instruction");
    raw_destroy(&user);

    raw_make(&user, BLOB(sse));
    raw_exo(&user)->entry[UPCALL_EXCEPTION] = RAW_CODE + 8;
    raw_exo(&user)->stack[UPCALL_CLASS_FAULT] = RAW_STACK_TOP;
    exo_thread_fpu(user.thread, 0);
    raw_start(&user, 0);
    for (unsigned i = 0; i < 200 && *raw_data(&user) != 1; i++)
        guest_sleep(5000);
    tap_ok(*raw_data(&user) == 1 &&
               raw_exo(&user)->save[UPCALL_CLASS_FAULT].vector == DEVICE_NOT_AVAILABLE,
           "or gets it as an upcall");
    raw_destroy(&user);
    return tap_done();
}
