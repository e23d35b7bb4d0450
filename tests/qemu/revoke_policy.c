/* Memory is short: a polite, a slow and a deaf program compete for a pool that the policy server
 * keeps fair. Each wants more than its part; each comes to about its part, and all live. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/frames.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/policy.h"
#include "libos/pool.h"
#include "libos/revoke.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define POOL          900u
#define LEAST         60u
#define CLIENTS       3u
#define PART          (POOL / CLIENTS) /* of each: equal weights */
#define AREA          64u              /* pages that a program adds at a time */
#define AREAS         9u               /* it wants: about twice its part      */
#define SLACK         (2 * AREA)
#define STEP_NS       ((uint64_t)20 * CLOCK_NS_PER_MS)
#define LATE_NS       ((uint64_t)300 * CLOCK_NS_PER_MS) /* after that the slow one answers */
#define LIFE_NS       ((uint64_t)3 * CLOCK_NS_PER_S)
#define REST_NS       ((uint64_t)1 * CLOCK_NS_PER_S)
#define STATUS_BAD    1
#define STATUS_SHORT  2 /* it has less than its part, all the time */
#define STATUS_GREEDY 3 /* or more */

static vaddr_t areas[AREAS];
static uint32_t area_count, least_seen = POOL, spared;
static uint32_t late_least = POOL, late_most; /* in the second half of its life */

/* A new area, if the frames for it are to be had. */
static void grow(void)
{
    vaddr_t va = 0;

    if (area_count == AREAS || vm_map(&va, AREA * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE))
        return;
    if (vm_populate(va, AREA * PAGE_SIZE)) {
        vm_unmap(va, AREA * PAGE_SIZE);
        return;
    }
    for (uint32_t i = 0; i < AREA; i++)
        *(volatile uint64_t *)(va + i * PAGE_SIZE) = va;
    areas[area_count++] = va;
}

/* The program's choice: what it added last. */
static uint32_t shrink(uint32_t count, uint64_t deadline)
{
    uint64_t given = frames_surrender(count);

    (void)deadline;
    while (given < count && area_count > 0) {
        vm_unmap(areas[--area_count], AREA * PAGE_SIZE);
        given += frames_surrender(count - given);
    }
    return (uint32_t)given;
}

/* A page was taken, it is touched, and nobody has a frame: another area goes for it. */
static bool spare(vaddr_t va)
{
    for (uint32_t a = area_count; a-- > 0;)
        if (va - areas[a] >= AREA * PAGE_SIZE) {
            spared++;
            const vaddr_t gone = areas[a];
            areas[a] = areas[--area_count];
            vm_unmap(gone, AREA * PAGE_SIZE);
            return true;
        }
    return false;
}

/* Does each page that it still has hold what was written to it, or zeroes, and can it be written?
 */
static bool all_work(void)
{
    bool good = true;

    for (uint32_t a = 0; a < area_count; a++)
        for (uint32_t i = 0; i < AREA; i++) {
            volatile uint64_t *word = (volatile uint64_t *)(areas[a] + i * PAGE_SIZE);
            struct vm_info info;
            if (vm_query((vaddr_t)word, &info) || !info.bound)
                continue; /* lost, and there may be no frame to bring it back */
            good &= *word == areas[a] || *word == 0;
            *word = areas[a];
            good &= *word == areas[a];
        }
    return good;
}

/* Frames of the pool that this program has. */
static uint32_t held(void)
{
    const volatile struct cap *pool = slot_cap(POOL_REGION);
    struct policy_client me = {.env = (uint32_t)book_utcb()->env};

    policy_count(pool->base, pool->count, &me, 1);
    return me.held;
}

static void look(bool late)
{
    uint32_t now = held();

    if (area_count >= 4 && now < least_seen)
        least_seen = now;
    if (late && now < late_least)
        late_least = now;
    if (late && now > late_most)
        late_most = now;
}

static void live(bool slow, bool deaf)
{
    uint64_t answer = 0;
    slot_t nothing;

    if (notify_new(&nothing))
        return;
    const uint64_t half = clock_deadline(LIFE_NS / 2), end = clock_deadline(LIFE_NS);
    while (cpu_ticks() < end) {
        look(cpu_ticks() > half);
        if (revoke_waits() && !deaf && (!slow || cpu_ticks() > answer)) {
            revoke_serve();
            answer = clock_deadline(LATE_NS);
        } else {
            grow();
        }
        notify_until(nothing, 1, clock_deadline(STEP_NS), NULL);
    }
    look(true);
    notify_until(nothing, 1, clock_deadline(REST_NS),
                 NULL); /* who ends leaves his part to others */
}

/* Roles with a ? live through it, and what part of the pool they come to is not looked at. */
static int client(const char *role)
{
    bool slow = !strncmp(role, "slow", 4), deaf = !strncmp(role, "deaf", 4);
    bool judged = role[strlen(role) - 1] != '?';

    if (libos_setup() || pool_attach())
        return STATUS_BAD;
    revoke_set_answer(REVOKE_FRAMES, shrink);
    frames_set_spare(spare);
    revoke_init();
    if (deaf)
        book_utcb()->mask |= 1u << UPCALL_CLASS_EVENT;
    live(slow, deaf);
    log_kernel_line("%s had %u to %u frames, never less than %u; gave up %u areas in faults", role,
                    late_least, late_most, least_seen, spared);
    if (!deaf) {
        revoke_serve();
        if (!all_work() || least_seen < LEAST)
            return STATUS_BAD;
    }
    if (!judged)
        return 0;
    return late_most + SLACK < PART ? STATUS_SHORT : late_least > PART + SLACK ? STATUS_GREEDY : 0;
}

static void test_server(bool judged)
{
    const char *const arguments[] = {
        "policy",
        "frames=900",
        "patience=50",
        judged ? "revoke_policy:deaf:60" : "revoke_policy:deaf?:60",
        judged ? "revoke_policy:slow:60:1" : "revoke_policy:slow?:60:1",
        judged ? "revoke_policy:polite:60:1" : "revoke_policy:polite?:60:1",
        NULL};
    static struct spawn_child server;
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE_ALL & ~SPAWN_GIVE(SLOT_MACHINE),
                              .memory_frames = 16384};
    uint32_t own = book_env((uint32_t)book_utcb()->env)->frames;

    tap_is(program_start(guest_archive(), "policy", &args, &server), ERR_OK, "the server starts");
    int status = program_wait("policy", &server);
    if (judged)
        tap_is(status, 0, "each comes to about its part, and all end well");
    else
        tap_is(status, 0, "all end well");
    spawn_destroy(&server);
    tap_ok(book_env((uint32_t)book_utcb()->env)->frames <= own + 8, "and leave nothing behind");
}

static void test_usage(void)
{
    static const char *const arguments[] = {"policy", "patience=0", "nobody", NULL};
    static struct spawn_child server;
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE_ALL & ~SPAWN_GIVE(SLOT_MACHINE),
                              .memory_frames = 1024};

    program_start(guest_archive(), "policy", &args, &server);
    tap_is(program_wait("policy", &server), 2, "the server says what it wants to be told");
    spawn_destroy(&server);
}

static void test_shares(void)
{
    struct policy_client c[] = {
        {.held = 100}, {.held = 400, .keeps = 100}, {.held = 5, .keeps = 9}};
    struct policy_client d[] = {{.least = 10, .weight = 1}, {.least = 30, .weight = 3}};
    uint32_t got;

    tap_is(policy_divide(c, 3, 40), 40, "shares add up");
    tap_ok(c[0].share == 10 && c[1].share == 30 && c[2].share == 0, "in proportion");
    tap_is(policy_divide(c, 3, 1000), 400, "no more than there is above what they keep");
    tap_is(policy_divide(c, 0, 10), 0, "of nobody nothing");
    policy_entitle(d, 2, 240);
    tap_ok(d[0].keeps == 60 && d[1].keeps == 180, "parts are by weight, above the least");
    policy_entitle(d, 2, 20);
    tap_ok(d[0].keeps == 10 && d[1].keeps == 30, "and never below");
    tap_is(policy_collect(SLOT_MEMORY, c, 0, 0, &got), ERR_BAD_ARG, "no patience");
    tap_is(policy_collect(SLOT_MEMORY, c, 0, (uint64_t)11 * CLOCK_NS_PER_S, &got), ERR_BAD_ARG,
           "too much patience");
}

int main(int argc, char **argv)
{
    bool judged = argc == 1 || strcmp(argv[1], "unjudged") != 0;

    if (argc > 1 && judged)
        return client(argv[1]);
    guest_begin();
    test_shares();
    test_usage();
    test_server(judged);
    return tap_done();
}
