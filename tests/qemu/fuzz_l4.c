/*
 * Random calls of X.2 (tests/fuzz/x2_call.h) from four hostile threads of two programs, of which
 * one is privileged: the kernel survives, and gets back all that it gave. Each program's first
 * thread is a pager, which answers some faults, and starts its players anew when nothing comes for
 * a while.
 */
#include <l4/ipc.h>
#include <l4/schedule.h>

#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "tests/fuzz/chance.h"
#include "tests/fuzz/x2_call.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define PROGRAMS     2u
#define CALLS_WANTED 500u
#define CALLS_FEW    50u /* on request, for a kernel that takes long for each */
#define ROUNDS_MAX   400u
#define ROUND_CALLS  150u
#define ROUND_FEW    25u
#define TICKS        60u /* of 10 ms, that a round has at most; ten times as long on request */
#define MEMORY_PAGES 384u
#define KMEM_FRAMES  1024u
#define COUNTER      0xe00u /* where in its UTCB page a program counts its calls */
#define NUMBER       3000u
#define PAGES        ((vaddr_t)GUEST_FREE)
#define UTCBS        (GUEST_FREE + 0x10000000)
#define KIP          (GUEST_FREE + 0x20000000)
#define UTCBS_BITS   16u
#define NO_UTCB      ((void *)~(L4_Word_t)0)
#define PATIENCE     1000u /* microseconds */
#define NAMES        100u  /* slots of a program: endpoints and notifications        */
#define PORTS        110u  /* and the battery clock's ports, which the first one has */
#define PORT         0x70u
#define PORT_COUNT   2u

#pragma GCC visibility push(hidden)
void play_entry(void);                                /* play.S */
void play_enter(struct x2_regs *regs, uint64_t link); /* play.S: rsi comes back */
_Noreturn void play(void);
#pragma GCC visibility pop

static struct x2_world fuzz;
static bool few;             /* calls: the kernel takes long for each */
static unsigned not_begun;   /* rounds                                */
static L4_ThreadId_t server; /* the program's first thread */

static L4_ThreadId_t player_id(unsigned i)
{
    return L4_GlobalId(NUMBER + i, 1);
}

static void describe(void)
{
    fuzz = (struct x2_world){.cpus = KINFO->cpu_count,
                             .priorities = 50,
                             .first_new = NUMBER + 100,
                             .pages = PAGES,
                             .kip = KIP + PAGE_SIZE,
                             .utcbs = UTCBS,
                             .code = (vaddr_t)play_entry,
                             .code_end = (vaddr_t)play_entry + 1,
                             .lines = IRQ_LINES + 1,
                             .slots = NAMES,
                             .port = PORT - 1,
                             .ports = PORT_COUNT + 2};
    for (unsigned i = 0; i < X2_PLAYERS; i++) {
        fuzz.global[i] = player_id(i).raw;
        fuzz.local[i] = UTCBS + (i % 2) * UTCB_BYTES + UTCB_MR;
    }
}

/* ---- A hostile program. ---- */

/* Every thread that is sent to play_entry comes here. */
_Noreturn void play(void)
{
    volatile uint64_t *counter = (volatile uint64_t *)(START_UTCB + COUNTER);
    struct x2_call c;

    for (;;) {
        x2_choose(&c, &fuzz);
        for (unsigned i = 0; i < c.count; i++)
            L4_Utcb()[c.words[i].at] = c.words[i].value;
        if (!rarely(200)) { /* without one of them the first fault ends the program */
            L4_Set_Pager(server);
            L4_Set_ExceptionHandler(server);
        }
        play_enter(&c.reg, WINDOW_LINKS + c.link * LINK_STRIDE);
        x2_told(&fuzz, c.reg.rsi);
        ++*counter;
        if (rarely(12))
            *(volatile uint64_t *)x2_page(&fuzz);
        if (rarely(12))
            *(volatile uint64_t *)x2_page(&fuzz) = 1;
    }
}

static void show_pages(void)
{
    pfn_t first;
    slot_t frames = guest_frames(X2_PAGES, &first);

    for (uint32_t i = 0; i < X2_PAGES; i++) {
        vaddr_t va = PAGES + (i % 2 ? X2_FAR : 0) + i * PAGE_SIZE;
        guest_tables(SLOT_ENV, va);
        guest_bind(SLOT_ENV, frames, va, first + i, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
    }
}

/* Answers a fault with the page that is there, some with one that is elsewhere, and some not. */
static bool answer(L4_MsgTag_t tag)
{
    L4_Word_t at = L4_Utcb()[1];
    L4_Msg_t reply;

    if ((L4_Label(tag) & ~(L4_Word_t)7) != LABEL_PAGE_FAULT << 16 >> 16 || rarely(4))
        return false;
    vaddr_t page = rarely(2) ? x2_page(&fuzz) : at & ~(PAGE_SIZE - 1);
    L4_MsgClear(&reply);
    L4_MsgAppendMapItem(&reply,
                        L4_MapItem(L4_FpageAddRights(L4_FpageLog2(page, PAGE_BITS), 7), at));
    L4_MsgLoad(&reply);
    return true;
}

/* Without the flag that stops it after each instruction, if it has that. */
static void restart(L4_ThreadId_t t)
{
    L4_Start_SpIpFlags(t, 0, (L4_Word_t)play_entry, 0);
}

static _Noreturn void serve(unsigned program, const char *text)
{
    L4_ThreadId_t from;
    bool replies = false;
    L4_Time_t patience = L4_TimePeriod(few ? 50 * PATIENCE : PATIENCE);

    describe();
    server = L4_Myself();
    for (rnd_state = 88172645463325252u + program; *text; text++)
        rnd_state = rnd_state * 31 + (uint8_t)*text;
    show_pages();
    for (;;) {
        L4_MsgTag_t tag = replies ? L4_ReplyWait_Timeout(from, patience, &from)
                                  : L4_Wait_Timeout(patience, &from);
        replies = !L4_IpcFailed(tag) && answer(tag);
        if (!L4_IpcFailed(tag) && !replies)
            restart(from);
        for (unsigned i = 0; L4_IpcFailed(tag) && i < 2; i++)
            restart(player_id(2 * program + i));
    }
}

/* ---- Rounds. ---- */

/* Two threads in the space of `c`, whose pager is its first thread; the second on the last CPU. */
static bool make_players(const struct spawn_child *c, unsigned program)
{
    L4_ThreadId_t space = L4_ThreadIdOf(c->thread_id);
    L4_Word_t old;
    bool good = L4_SpaceControl(space, 0, L4_FpageLog2(KIP, PAGE_BITS),
                                L4_FpageLog2(UTCBS, UTCBS_BITS), L4_nilthread, &old);

    for (unsigned i = 0; good && i < 2; i++) {
        L4_ThreadId_t t = player_id(2 * program + i);
        good = L4_ThreadControl(t, space, L4_Myself(), space, (void *)(UTCBS + i * UTCB_BYTES)) &&
               L4_Schedule(t, L4_UNCHANGED, i ? KINFO->cpu_count - 1 : 0, 40, L4_UNCHANGED, &old);
    }
    if (!good)
        tap_note("program %u: error %lu", program, L4_ErrorCode());
    return good;
}

static enum err start(const char *name, const char *text, unsigned program, struct spawn_child *c)
{
    char role[32];

    print_format(role, sizeof role, "%u %s", program, text);
    const char *arguments[] = {name, role, NULL};
    struct spawn_args args = {.arguments = arguments,
                              .memory_frames = MEMORY_PAGES,
                              .cpu = program % KINFO->cpu_count,
                              .priority = 50};
    return program_start(guest_archive(), name, &args, c);
}

/* Both programs' kernel memory and the test's own; frames of it that the library takes are few. */
static bool give_kernel_memory(const struct spawn_child *c, slot_t kmem)
{
    pfn_t first;

    return region_find(KMEM_FRAMES, &first) == ERR_OK &&
           exo_cap_copy(SLOT_ENV, kmem, SLOT_MEMORY, RIGHT_ALL, first, KMEM_FRAMES) == ERR_OK &&
           exo_env_kmem(SLOT_ENV, kmem) == ERR_OK && exo_env_kmem(c[0].env, kmem) == ERR_OK &&
           exo_env_kmem(c[1].env, kmem) == ERR_OK &&
           exo_env_privilege(c[0].env, SLOT_MACHINE) == ERR_OK;
}

/* An endpoint and a notification for `n` to receive from, and for both to send to. */
static void give_names(const struct spawn_child *c, unsigned n, slot_t point, slot_t notification)
{
    static const rights_t rights[] = {RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT, RIGHT_WRITE};

    exo_endpoint_create(SLOT_MEMORY, PFN_ANY, point);
    exo_notification_create(SLOT_MEMORY, PFN_ANY, notification);
    for (unsigned i = 0; i < PROGRAMS; i++) {
        const slot_t env = c[n ^ i].env, first = NAMES + 4 * i;
        exo_cap_copy(env, first, point, rights[i], 0, 0);
        exo_cap_copy(env, first + 1, notification, rights[i], 0, 0);
        exo_cap_badge(env, first + 2, point, rights[0], 0x100 + n);
        exo_cap_badge(env, first + 3, notification, RIGHT_WRITE, 1);
    }
    exo_notify_bind(notification, c[n].thread, 0xff);
}

/* What the players have besides memory; all of it goes with these slots. */
static bool equip(const struct spawn_child *c, const slot_t *slots)
{
    const slot_t large = slots[0];
    word_t first;

    if (exo_frames_find_get(SLOT_MEMORY, FRAME_RANGE_ALL, LARGE_PAGES, 9, FRAME_COLOURS_ALL, large,
                            &first) != ERR_OK)
        return false;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        const vaddr_t va = PAGES + X2_LARGE + i * LARGE_SIZE;
        exo_table_create(c[i].env, SLOT_MEMORY, PFN_ANY, va, 3);
        exo_table_create(c[i].env, SLOT_MEMORY, PFN_ANY, va, 2);
        if (guest_bind(c[i].env, large, va, (pfn_t)first, RIGHT_READ | RIGHT_WRITE | PAGE_LARGE) !=
            ERR_OK)
            return false;
        give_names(c, i, slots[1 + 2 * i], slots[2 + 2 * i]);
    }
    return exo_cap_copy(c[0].env, PORTS, SLOT_PORTS, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT, PORT,
                        PORT_COUNT) == ERR_OK;
}

static uint64_t calls_of(const struct spawn_child *c)
{
    return *(volatile uint64_t *)(c->utcb + COUNTER);
}

/* Returns how many calls were made. */
static uint64_t round(const char *name, uint32_t number)
{
    struct spawn_child c[PROGRAMS];
    slot_t slots[2 + 2 * PROGRAMS];
    uint64_t calls = 0;
    char text[16];
    bool good = true;

    for (unsigned i = 0; i < 2 + 2 * PROGRAMS; i++)
        slots[i] = guest_slot();
    print_format(text, sizeof text, few ? "few %u" : "seed %u", number);
    for (unsigned i = 0; i < PROGRAMS; i++)
        good &= start(name, text, i, &c[i]) == ERR_OK;
    good = good && give_kernel_memory(c, slots[0]) && equip(c, slots + 1) &&
           make_players(&c[0], 0) && make_players(&c[1], 1);
    not_begun += !good;
    for (unsigned i = 0; good && i < TICKS && calls < (few ? ROUND_FEW : ROUND_CALLS); i++) {
        guest_sleep(few ? 100000 : 10000);
        calls = calls_of(&c[0]) + calls_of(&c[1]);
    }
    for (unsigned i = 0; i < PROGRAMS; i++)
        spawn_destroy(&c[i]);
    for (unsigned i = 0; i < 2 + 2 * PROGRAMS; i++) {
        exo_cap_delete(slots[i]);
        slot_give(slots[i]);
    }
    return calls;
}

static uint32_t environments(void)
{
    uint32_t count = 0;

    for (uint32_t n = 1; n < ENV_MAX; n++)
        count += book_env(n)->frame != 0;
    return count;
}

int main(int argc, char **argv)
{
    few = argc > 1 && strchr(argv[1], 'f');
    uint64_t calls = 0, wanted = few ? CALLS_FEW : CALLS_WANTED;
    uint32_t rounds;

    guest_begin();
    if (argc > 1 && strcmp(argv[1], "few"))
        serve(argv[1][0] == '1', argv[1]);
    tap_is(exo_env_privilege(SLOT_ENV, SLOT_MACHINE), ERR_OK, "the test may make L4 threads");
    round(argv[0], 0); /* libos makes what it keeps */
    uint32_t free_before = region_free_count(), envs_before = environments();
    for (rounds = 1; rounds < ROUNDS_MAX && calls < wanted; rounds++) {
        calls += round(argv[0], rounds);
        if (region_free_count() != free_before)
            break;
    }
    tap_note("%lu calls in %u rounds", calls, rounds);
    tap_is(not_begun, 0, "each round began");
    tap_ok(calls >= wanted, "as many random calls as are wanted, and the kernel is alive");
    if (!tap_is(region_free_count(), free_before,
                "every frame that the programs had is free again"))
        tap_note("lost in the round of seed %u", rounds - 1);
    tap_is(environments(), envs_before, "and every environment is gone");
    tap_is(exo_null(), ERR_OK, "calls go on");
    return tap_done();
}
