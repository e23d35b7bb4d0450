/* Grafts that a program loads itself: linked, proved, bound and replaced in the guest, and refused
 * in words. */
#include "libos-graft/loader.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/heap.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/upcall.h"
#include "tests/qemu/graft_rig.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"
#include "tests/vectors/bpf/load/calls.h"

#define FIRST     ".exo4/load_first.o"
#define SECOND    ".exo4/load_second.o"
#define BY_LIBOS  4711u
#define SOME_CALL 3u
#define TURNS     8u
#define THERE     (KINFO->cpu_count - 1)

static uint8_t call_stack[65536] __attribute__((aligned(16)));
static struct loader_graft graft;
static char message[LOADER_MESSAGE];

static struct loader_file file_of(const char *name)
{
    struct archive_entry e = {.bytes = 0};

    archive_find(guest_archive(), name, &e);
    return (struct loader_file){.name = name, .image = e.data, .bytes = e.bytes};
}

static uint64_t call(uint64_t number)
{
    struct guest_regs r = {number, 0, 0, 0, 0, 0, 0};

    guest_syscall(&r);
    return r.rax;
}

static void by_libos(struct libos_regs *regs)
{
    regs->rax = BY_LIBOS;
}

static volatile uint64_t *counts(void)
{
    return (volatile uint64_t *)loader_map_find(&graft, "counts")->at;
}

static void test_load(void)
{
    const struct loader_file f = file_of(FIRST);

    tap_is(call(SOME_CALL), BY_LIBOS, "before, libos has every call");
    tap_is(loader_load(&graft, &f, message), ERR_OK, "what clang made is linked, proved, loaded");
    tap_is(graft.hook, GRAFT_HOOK_SYSTEM_CALL, "for the hook that its section names");
    tap_is(graft.map_count, 2, "with its map, and its data as another");
    tap_is(loader_bind(&graft, SLOT_ENV), ERR_OK, "and bound");
    tap_ok(call(SOME_CALL) == CALLS_ANSWER(1, 1), "it answers, by its code and its data");
    tap_is(counts()[SOME_CALL], 1, "and counts where this program reads");
    counts()[5] = 41;
    tap_is(call(CALLS_SUM), 42, "a loop over what this program wrote");
    tap_ok(!loader_map_find(&graft, "none"), "a map that there is not is not found");
}

static void test_update(void)
{
    const vaddr_t at = (vaddr_t)counts();
    struct loader_file f = file_of(SECOND);

    tap_is(loader_update(&graft, &f, SLOT_ENV, message), ERR_OK, "another takes its place");
    tap_ok(call(SOME_CALL) == CALLS_ANSWER(2, 2), "its code with its data");
    tap_ok((vaddr_t)counts() == at && counts()[SOME_CALL] == 101, "the counts were kept");
    tap_is(graft.map_count, 3, "it has a map more");
    tap_ok(loader_map_find(&graft, "more") && !loader_map_find(&graft, "more")->at,
           "which the kernel keeps");
    f = file_of(FIRST);
    f.fresh = true;
    tap_is(loader_update(&graft, &f, SLOT_ENV, message), ERR_OK, "the first comes back");
    tap_is(counts()[SOME_CALL], 0, "with a map that is new");
    tap_ok(call(SOME_CALL) == CALLS_ANSWER(1, 1) && counts()[SOME_CALL] == 1,
           "which it uses at once");
}

static bool tells(const char *what)
{
    for (const char *at = message; *at; at++)
        if (!strncmp(at, what, strlen(what)))
            return true;
    tap_note("message: %s", message);
    return false;
}

/* What is bound stays as it is whatever is refused. */
static void refused(const struct loader_file *f, enum err want, const char *what)
{
    tap_is(loader_update(&graft, f, SLOT_ENV, message), want, what);
    if (call(SOME_CALL) != CALLS_ANSWER(1, 1) || graft.map_count != 2)
        tap_ok(false, "and what was bound is as it was");
}

static void test_refused(void)
{
    struct loader_file f = file_of(".exo4/load_wrong.o");

    refused(&f, ERR_BAD_GRAFT, "a value that may not be there is refused");
    tap_ok(tells("wrong.c:13: instruction ") && tells("r0"), "by file, line and register");
    f = file_of(".exo4/load_absent.o");
    refused(&f, ERR_BAD_GRAFT, "a function that may not be there is refused");
    tap_ok(tells("absent.c:") && tells("elsewhere"), "by file and name");
    f = file_of(".exo4/filter_udp.o");
    refused(&f, ERR_BAD_STATE, "a program for another hook is refused");
    tap_ok(tells("PACKET_FILTER"), "by the hook's name");
    f = file_of(FIRST);
    f.section = "packets";
    refused(&f, ERR_BAD_GRAFT, "a section that the file has not");
    f = file_of(FIRST);
    for (f.bytes -= 64; f.bytes > 64; f.bytes /= 2)
        refused(&f, ERR_BAD_GRAFT, "a file that is cut short is refused");
    tap_ok(message[0], "in words");
    f = (struct loader_file){.name = "nothing", .image = "", .bytes = 0};
    refused(&f, ERR_BAD_GRAFT, "and one of nothing");
    f = file_of(FIRST);
    tap_is(loader_update(&graft, &f, SLOT_MEMORY, message), ERR_BAD_CAP, "bound to no place");
    tap_ok(call(SOME_CALL) == CALLS_ANSWER(1, 1), "all is as it was");
}

static volatile uint64_t calls, stop, mixed, seen[3];

static void call_on(void *unused)
{
    (void)unused;
    while (!stop) {
        const uint64_t answer = call(SOME_CALL);
        const uint32_t who = (uint32_t)answer;
        if ((who == 1 || who == 2) && answer == CALLS_ANSWER(who, who))
            seen[who]++;
        else
            mixed++;
        calls++;
    }
    stop = 2;
}

/* Another thread calls all the time, on the last CPU. */
static void test_in_use(void)
{
    struct thread t;
    bool good = true;

    tap_is(thread_run(&t, call_on, NULL, THERE, THREAD_PRIORITY), ERR_OK, "another thread");
    for (uint32_t i = 0; i < TURNS; i++) {
        const struct loader_file f = file_of(i % 2 ? FIRST : SECOND);
        const uint64_t before = calls;
        good = good && loader_update(&graft, &f, SLOT_ENV, message) == ERR_OK;
        good = good && guest_await(&calls, before + 2) >= before + 2;
    }
    stop = 1;
    tap_is(guest_await(&stop, 2), 2, "calls while programs are replaced");
    tap_ok(good && seen[1] && seen[2], "each answers");
    tap_is(mixed, 0, "with its own data, and never none");
    thread_destroy(&t);
}

static void test_end(void)
{
    const uint32_t before = region_free_count();
    const struct loader_file f = file_of(FIRST);
    uint32_t then;

    loader_end(&graft);
    tap_is(call(SOME_CALL), BY_LIBOS, "when it ends libos has every call again");
    tap_ok(region_free_count() > before, "and memory comes back");
    then = region_free_count();
    tap_is(loader_load(&graft, &f, message), ERR_OK, "once more");
    loader_end(&graft);
    tap_is(region_free_count(), then, "none is lost");
    tap_ok(!heap_check(), "nor is the heap's order");
}

/* A file of `graft prove` is loaded as it is. */
static void test_proved(void)
{
    const struct loader_file f = file_of(".exo4/call_rules.o");

    tap_is(loader_load(&graft, &f, message), ERR_OK, "one that was proved before");
    tap_is(graft.hook, GRAFT_HOOK_SYSTEM_CALL, "for its hook");
    loader_end(&graft);
}

int main(void)
{
    guest_begin();
    upcall_set_syscall(by_libos, (vaddr_t)call_stack + sizeof call_stack);
    test_load();
    test_update();
    test_refused();
    test_in_use();
    test_end();
    test_proved();
    return tap_done();
}
