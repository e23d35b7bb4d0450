/*
 * The policy server: starts programs that share a pool of frames, and decides who has how much of
 * it. What a program is guaranteed the kernel keeps (revoke_guarantee); the rest is divided by
 * weight. Who runs short rings (libos/pool.h); the others are asked for what they hold above their
 * part, and what a deaf one does not give the kernel takes at the deadline.
 *
 *   run=policy [frames=N] [patience=MS] PROGRAM[:ARGUMENT[:LEAST[:WEIGHT]]] ...
 *
 * Ends when all have ended, with the first status that is not 0.
 */
#include "exo/abi/revoke.h"
#include "libos/archive.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/policy.h"
#include "libos/pool.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/vm.h"

#define CLIENTS_MAX    16u
#define PRIVATE_FRAMES 1024u /* of each client: tables, objects, what it begins with */
#define WORDS_MAX      64u
#define LOOK_NS        ((uint64_t)20 * CLOCK_NS_PER_MS) /* between two looks at who has ended */

struct client {
    char words[WORDS_MAX]; /* of the command line; the next two lie there */
    char *name, *argument;
    struct spawn_child child;
    volatile struct pool_page *page;
    slot_t page_slot, reply;
    bool ended;
};

static struct client clients[CLIENTS_MAX];
static struct policy_client accounts[CLIENTS_MAX]; /* of the clients, in the same order */
static uint32_t client_count, pool_frames_all, patience_ms = 100;
static slot_t pool, bell;
static pfn_t pool_first;
static int worst;

/* Digits up to the end; 0 when there is anything else. */
static uint32_t number(const char *s)
{
    uint32_t n = 0;

    for (; *s >= '0' && *s <= '9' && n < UINT32_MAX / 10; s++)
        n = n * 10 + (uint32_t)(*s - '0');
    return *s ? 0 : n;
}

/* Ends the field at `s` and returns the next one, "" when there is none. */
static char *next_field(char *s)
{
    char *end = strchr(s, ':');

    if (!end)
        return s + strlen(s);
    *end = '\0';
    return end + 1;
}

static bool read_client(const char *word)
{
    struct client *c = &clients[client_count];
    struct policy_client *account = &accounts[client_count];

    if (client_count == CLIENTS_MAX || strlen(word) >= WORDS_MAX)
        return false;
    client_count++;
    memcpy(c->words, word, strlen(word) + 1);
    c->name = c->words;
    c->argument = next_field(c->name);
    char *least = next_field(c->argument), *weight = next_field(least);
    account->least = number(least);
    account->weight = *weight ? number(weight) : 1;
    return *c->name != '\0';
}

static bool read_words(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "frames=", 7))
            pool_frames_all = number(argv[i] + 7);
        else if (!strncmp(argv[i], "patience=", 9))
            patience_ms = number(argv[i] + 9);
        else if (!read_client(argv[i]))
            return false;
    return client_count > 0 && patience_ms > 0 && patience_ms <= REVOKE_PATIENCE_SECONDS * 1000;
}

/* The pool is part of this program's memory that nothing of its own ever lands in. */
static enum err make_pool(void)
{
    const struct region_run longest = region_longest();
    uint32_t run = longest.end - longest.first, own = (client_count + 1) * 2 * PRIVATE_FRAMES;

    if (!pool_frames_all && run > own)
        pool_frames_all = run - own;
    enum err e = region_promise(pool_frames_all, &pool_first);
    if (e == ERR_OK)
        e = slot_take(&pool);
    if (e == ERR_OK)
        e = exo_cap_copy(SLOT_ENV, pool, SLOT_MEMORY, RIGHT_ALL, pool_first, pool_frames_all);
    return e ? e : notify_new(&bell);
}

static enum err make_page(struct client *c, uint64_t bit)
{
    pfn_t pfn;
    vaddr_t va = 0;
    enum err e = region_frames(1, &c->page_slot, &pfn);

    if (e == ERR_OK)
        e = vm_map_frames(c->page_slot, pfn, 1, &va, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = vm_populate(va, PAGE_SIZE);
    if (e)
        return e;
    c->page = (volatile struct pool_page *)va;
    *c->page = (struct pool_page){.bit = bit};
    return notify_new(&c->reply);
}

static enum err hand_on(const struct client *c, uint32_t least)
{
    slot_t env = c->child.env;
    enum err e = exo_cap_copy(env, POOL_REGION, pool, RIGHT_ALL, 0, 0);

    if (e == ERR_OK)
        e = exo_cap_copy(env, POOL_BELL, bell, RIGHT_WRITE, 0, 0);
    if (e == ERR_OK)
        e = exo_cap_copy(env, POOL_REPLY, c->reply, RIGHT_READ | RIGHT_WRITE, 0, 0);
    if (e == ERR_OK)
        e = exo_cap_copy(env, POOL_PAGE, c->page_slot, RIGHT_READ | RIGHT_WRITE, 0, 0);
    return e ? e : exo_revoke_guarantee(env, pool, REVOKE_FRAMES, least);
}

static enum err start(const struct archive *archive, uint32_t i)
{
    struct client *c = &clients[i];
    const char *arguments[] = {c->name, *c->argument ? c->argument : NULL, NULL};
    struct archive_entry entry;
    enum err e = program_find(archive, c->name, &entry);

    if (e == ERR_OK)
        e = make_page(c, (uint64_t)1 << i);
    if (e)
        return e;
    struct spawn_args args = {.image = entry.data,
                              .image_bytes = entry.bytes,
                              .name = *c->argument ? c->argument : c->name,
                              .arguments = arguments,
                              .give = SPAWN_GIVE_ALL & ~SPAWN_GIVE(SLOT_MACHINE),
                              .memory_frames = PRIVATE_FRAMES,
                              .cpu = i % KINFO->cpu_count};
    e = spawn_prepare(&c->child, &args);
    if (e == ERR_OK)
        e = hand_on(c, accounts[i].least);
    if (e == ERR_OK)
        e = spawn_run(&c->child);
    accounts[i].env = c->child.number;
    return e;
}

/* Who wants more may have what is free, and what others hold above their part. */
static void serve(uint32_t i)
{
    volatile struct pool_page *page = clients[i].page;
    uint64_t want = page->want;
    uint32_t got = 0, free = policy_count(pool_first, pool_frames_all, accounts, client_count);

    page->want = 0;
    if (want > free) {
        policy_entitle(accounts, client_count, pool_frames_all);
        accounts[i].held = 0; /* nobody is asked for his own sake */
        policy_divide(accounts, client_count,
                      (uint32_t)(want < pool_frames_all ? want : pool_frames_all) - free);
        policy_collect(pool, accounts, client_count, (uint64_t)patience_ms * CLOCK_NS_PER_MS, &got);
        free = policy_count(pool_first, pool_frames_all, accounts, client_count);
    }
    page->given = free;
    exo_notify(clients[i].reply, 1);
}

/* Takes back all that a client had; its part is the others' from now on. */
static void bury(uint32_t i)
{
    int status = program_wait(clients[i].name, &clients[i].child);

    log_kernel_line("policy: %s %s ended with status %d", clients[i].name, clients[i].argument,
                    status);
    if (!worst)
        worst = status;
    spawn_destroy(&clients[i].child);
    accounts[i] = (struct policy_client){.env = 0};
    clients[i].ended = true;
}

static void serve_all(void)
{
    for (uint32_t left = client_count; left > 0;) {
        word_t rung = 0;
        notify_until(bell, ~(word_t)0, clock_deadline(LOOK_NS), &rung);
        for (uint32_t i = 0; i < client_count; i++) {
            if (clients[i].ended)
                continue;
            if (book_env_read(clients[i].child.number).state != ENV_ALIVE) {
                bury(i);
                left--;
            } else if (rung >> i & 1) {
                serve(i);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct archive archive;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e)
        program_fail(1, "policy", error_text(e));
    if (!read_words(argc, argv))
        program_fail(2, "policy",
                     "[frames=N] [patience=MS] PROGRAM[:ARGUMENT[:LEAST[:WEIGHT]]] ...");
    e = make_pool();
    for (uint32_t i = 0; i < client_count && e == ERR_OK; i++)
        e = start(&archive, i);
    if (e)
        program_fail(1, "policy", error_text(e));
    log_kernel_line("policy: %u programs share %u frames", client_count, pool_frames_all);
    serve_all();
    return worst;
}
