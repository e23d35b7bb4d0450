/* Pages that can be executed and not read, for threads that say so; whatever they write to the
 * processor's register for that, others are not concerned. */
#include "libos/call.h"
#include "libos/slots.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CODE          GUEST_FREE
#define WORK          (GUEST_FREE + PAGE_SIZE)
#define INVALID       6u
#define PAGE_FAULT    14u
#define ERROR_KEY     0x20u
#define SLOT_EMPTY    100u
#define ALL_DENIED    0xffffffffu
#define MOV_42_RETURN "\xb8\x2a\x00\x00\x00\xc3"

static void write_keys(void *value)
{
    __asm__ volatile("wrpkru" : : "a"((uint32_t)(vaddr_t)value), "c"(0), "d"(0) : "memory");
}

static bool may_read(void)
{
    return !probe_read(CODE);
}

static long run(void)
{
    return ((long (*)(void))CODE)();
}

static void errors(slot_t stopped)
{
    slot_t weak = guest_slot();
    struct raw running;

    exo_cap_copy(SLOT_ENV, weak, stopped, RIGHT_READ, 0, 0);
    tap_is(exo_thread_code_only(SLOT_THREAD, 2), ERR_BAD_ARG, "neither on nor off");
    tap_is(exo_thread_code_only(SLOT_EMPTY, 1), ERR_BAD_CAP, "an empty slot");
    tap_is(exo_thread_code_only(weak, 1), ERR_NO_RIGHT, "without the right");
    raw_make(&running, BLOB(spin));
    raw_start(&running, 0);
    tap_is(exo_thread_code_only(running.thread, 1), ERR_BAD_STATE, "another that runs");
    raw_destroy(&running);
    slot_delete(weak);
}

static slot_t frames;
static pfn_t first;

static void show(bool marked)
{
    struct page_note note = {CODE, marked ? PAGE_NOTE_CODE : 0};

    guest_unbind(SLOT_ENV, CODE);
    guest_bind(SLOT_ENV, frames, CODE, first, RIGHT_READ | RIGHT_EXEC);
    tap_is(exo_page_note(SLOT_ENV, (vaddr_t)&note, 1), ERR_OK, marked ? "marked" : "not marked");
}

static void bind_code(void)
{
    frames = guest_frames(1, &first);
    guest_tables(SLOT_ENV, CODE);
    guest_bind(SLOT_ENV, frames, WORK, first, RIGHT_READ | RIGHT_WRITE);
    for (unsigned i = 0; i < sizeof MOV_42_RETURN; i++)
        ((volatile char *)WORK)[i] = MOV_42_RETURN[i];
    show(true);
}

static void oneself(void)
{
    tap_ok(may_read() && run() == 42, "it can be read, too, at first");
    tap_ok(probe_run(write_keys, 0) && guest_fault.vector == INVALID, "there is no such register");
    tap_is(exo_thread_code_only(SLOT_THREAD, 1), ERR_OK, "from now on not");
    tap_ok(!may_read(), "it cannot be read");
    tap_ok(guest_fault.vector == PAGE_FAULT && (guest_fault.error & ERROR_KEY) &&
               guest_fault.address == CODE,
           "that is a page fault there, by the key");
    tap_is(run(), 42, "it can be executed");
    guest_sleep(1000);
    tap_ok(!may_read() && run() == 42, "so it is after others ran");
    guest_protect(SLOT_ENV, CODE, RIGHT_READ | RIGHT_EXEC);
    tap_ok(!may_read() && run() == 42, "and after a change of its rights");
    show(false);
    tap_ok(may_read() && run() == 42, "without the mark it can be read");
    show(true);
    tap_ok(!may_read(), "and with it cannot again");
}

/* What a program writes to the register is its own, and holds until others run. */
static void others(void)
{
    struct raw rude;

    tap_ok(!probe_run(write_keys, 0) && may_read(), "who changes the register can read it");
    guest_sleep(1000);
    tap_ok(!may_read(), "until others ran");
    raw_make(&rude, BLOB(deny_all));
    exo_thread_code_only(rude.thread, 1);
    raw_start(&rude, ALL_DENIED);
    guest_sleep(20000);
    tap_ok(!may_read() && run() == 42, "beside one that denies itself everything");
    tap_is(raw_wait(&rude), ERR_OK, "which ends by it");
    raw_destroy(&rude);
}

int main(void)
{
    struct raw stopped;

    guest_begin();
    raw_make(&stopped, BLOB(spin));
    errors(stopped.thread);
    raw_destroy(&stopped);
    bind_code();
    oneself();
    others();
    tap_is(exo_thread_code_only(SLOT_THREAD, 0), ERR_OK, "off again");
    tap_ok(may_read() && run() == 42, "it can be read");
    return tap_done();
}
