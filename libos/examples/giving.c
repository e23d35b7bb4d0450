/*
 * An application that is asked for memory. It has a cache, which it can make again, and an array
 * larger than it must keep in memory. Asked for frames, it first throws the cache away, then lets
 * libos give what is left over, then lets pages of the array leave for the disk, the oldest first.
 *
 * Started without argument, the program is its own asker: it starts itself a second time, asks that
 * one twice, and prints what it was given.
 */
#include "libos/backing_disk.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/pages.h"
#include "libos/revoke_give.h"
#include "libos/servers/program.h"
#include "libos/vm.h"

#define ARRAY       ((vaddr_t)0x340000000000)
#define ARRAY_PAGES 512u
#define CACHE_PAGES 256u
#define ASKS        2u
#define WANT        100u
#define PATIENCE    ((uint64_t)9 * CLOCK_NS_PER_S)
#define MEMORY      4096u

static struct page_record records[ARRAY_PAGES];
static struct pagetable table;
static struct backing_disk store;
static struct pages array;
static vaddr_t cache;
static uint32_t answered;

/* The answer: what is dearest to bring back goes last. */
static uint32_t give(uint32_t count, uint64_t deadline)
{
    if (cache)
        vm_unmap(cache, CACHE_PAGES * PAGE_SIZE);
    cache = 0;
    answered++;
    return revoke_give(REVOKE_FRAMES, count, deadline, NULL);
}

static enum err hold(void)
{
    enum err e = backing_disk_init(&store, SLOT_DISK, slot_cap(SLOT_DISK)->base, ARRAY_PAGES);

    pagetable_linear(&table, records, ARRAY, ARRAY_PAGES);
    array = (struct pages){.low = ARRAY,
                           .high = ARRAY + ARRAY_PAGES * PAGE_SIZE,
                           .table = &table,
                           .budget = ARRAY_PAGES,
                           .backing = &store.backing};
    if (e == ERR_OK)
        e = pages_init(&array);
    for (vaddr_t va = array.low; va < array.high && e == ERR_OK; va += PAGE_SIZE)
        *(volatile uint64_t *)va = va;
    if (e == ERR_OK)
        e = vm_map(&cache, CACHE_PAGES * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    return e ? e : vm_populate(cache, CACHE_PAGES * PAGE_SIZE);
}

/* Answers asks in its main loop, where no module is at work, then reads all of the array again. */
static int be_asked(void)
{
    slot_t bell;
    enum err e = slot_cap(SLOT_DISK) ? hold() : ERR_NO_DEVICE;

    if (e == ERR_OK)
        e = notify_new(&bell);
    if (e)
        program_fail(1, "giving", error_text(e));
    revoke_set_answer(REVOKE_FRAMES, give);
    revoke_init();
    while (answered < ASKS) {
        notify_until(bell, 1, FOREVER, NULL); /* an ask interrupts it */
        revoke_serve();
    }
    for (vaddr_t va = array.low; va < array.high; va += PAGE_SIZE)
        if (*(volatile uint64_t *)va != va)
            return 2;
    return array.outs > 0 ? 0 : 3;
}

/* Asks until it is heard, and waits until that is closed. Returns frames given in time. */
static uint32_t ask(uint32_t env)
{
    uint32_t before = book_env(env)->frames;
    uint64_t deadline = clock_deadline(PATIENCE);
    enum err e = ERR_OK;
    slot_t bell;
    word_t rest = 1;

    if (notify_new(&bell) ||
        exo_revoke_ask(SLOT_MEMORY, env, REVOKE_FRAMES, WANT, deadline, SLOT_NONE))
        return 0;
    while ((e = exo_revoke_look_get(SLOT_MEMORY, env, &rest)) == ERR_OK && rest > 0)
        notify_until(bell, 1, clock_deadline(CLOCK_NS_PER_MS), NULL);
    slot_delete(bell);
    return e == ERR_OK ? before - book_env(env)->frames : 0;
}

static void wait(uint64_t ns)
{
    slot_t bell;

    if (notify_new(&bell) == ERR_OK) {
        notify_until(bell, 1, clock_deadline(ns), NULL);
        slot_delete(bell);
    }
}

int main(int argc, char **argv)
{
    const char *arguments[] = {"giving", "asked", NULL};
    struct spawn_args args = {
        .arguments = arguments, .give = SPAWN_GIVE_ALL, .memory_frames = MEMORY};
    static struct spawn_child child;
    struct archive archive;
    enum err e = libos_setup();

    (void)argv;
    args.give &= ~SPAWN_GIVE(SLOT_MACHINE);
    if (argc > 1 && e == ERR_OK)
        return be_asked();
    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e == ERR_OK)
        e = program_start(&archive, "giving", &args, &child);
    if (e)
        program_fail(1, "giving", error_text(e));
    wait(CLOCK_NS_PER_S); /* it begins */
    uint32_t first = ask(child.number), second = ask(child.number);
    log_line("asked twice for %u frames: given %u, then %u", WANT, first, second);
    int status = program_wait("giving", &child);
    spawn_destroy(&child);
    return first < WANT || second < WANT ? 4 : status;
}
