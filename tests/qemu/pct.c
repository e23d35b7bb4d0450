/* Protected control transfer, synchronous and asynchronous, between two environments. */
#include "libos/pct.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/exit.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define SLOT_EMPTY   100u
#define SERVER_PAGES 512u
#define THE_END      0xe9d0u

static uint8_t stack[8192] __attribute__((aligned(16)));
static uint64_t calls;

/* The server: sums its words, counts, and says who called; THE_END ends it. */
static void serve(word_t caller, struct pct_words *w)
{
    if (w->w[0] == THE_END)
        libos_exit(7);
    calls++;
    w->w[0] = w->w[0] + w->w[1] + w->w[2] + w->w[3] + w->w[4];
    w->w[1] = calls;
    w->w[2] = caller;
    w->w[3] = *book_tcr(TCR_GLOBAL_ID);
    w->w[4] = book_utcb()->env;
}

/* The raw call with a register file of its own: what arrives, and what comes back. */
static long send(slot_t thread, word_t first)
{
    struct guest_regs r = {.rax = SYS_BASE + SYS_pct_send, .rdi = thread, .rsi = first};

    guest_syscall(&r);
    return (long)r.rax;
}

static void errors(slot_t server)
{
    struct pct_words w = {{1, 2, 3, 4, 5}};
    slot_t weak = guest_slot();
    struct raw r;

    exo_cap_copy(SLOT_ENV, weak, server, RIGHT_READ | RIGHT_WRITE, 0, 0);
    raw_make(&r, BLOB(pct_serve));
    tap_is(pct_call(SLOT_EMPTY, &w), ERR_BAD_CAP, "call an empty slot");
    tap_is(pct_call(SLOT_ENV, &w), ERR_BAD_CAP, "call what is no thread");
    tap_is(pct_call(weak, &w), ERR_NO_RIGHT, "call without the right");
    tap_is(pct_call(r.thread, &w), ERR_BAD_STATE, "call a thread that does not wait");
    tap_is(pct_call(SLOT_THREAD, &w), ERR_BAD_STATE, "call oneself");
    tap_is(send(SLOT_EMPTY, 0), ERR_BAD_CAP, "send to an empty slot");
    tap_is(send(weak, 0), ERR_NO_RIGHT, "send without the right");
    tap_is(send(r.thread, 0), ERR_BAD_STATE, "send to a thread that does not wait");
    raw_start(&r, 0);
    guest_sleep(5000);
    tap_is(pct_call(r.thread, &w), ERR_BAD_STATE, "call a thread that waits without an entry");
    raw_exo(&r)->entry[UPCALL_PCT] = WINDOW_LINKS;
    tap_is(pct_call(r.thread, &w), ERR_BAD_STATE, "call a thread with an entry in the kernel");
    raw_exo(&r)->entry[UPCALL_PCT] = RAW_CODE;
    raw_exo(&r)->pct_stack = WINDOW_LINKS;
    tap_is(pct_call(r.thread, &w), ERR_BAD_STATE, "call a thread with a stack in the kernel");
    raw_destroy(&r);
    slot_delete(weak);
}

static void good(slot_t server, uint64_t id, uint32_t env)
{
    struct pct_words w = {{1, 2, 3, 4, 5}};
    uint64_t switches = book_cpu_counts(0).space_switches;

    tap_is(pct_call(server, &w), ERR_OK, "call");
    tap_ok(book_cpu_counts(0).space_switches - switches >= 2, "it crossed two address spaces");
    tap_is((long)w.w[0], 15, "five words went there, and their sum came back");
    tap_is((long)w.w[1], 1, "it was the first call");
    tap_is((long)w.w[2], (long)*book_tcr(TCR_GLOBAL_ID), "the callee was told who called");
    tap_is((long)w.w[3], (long)id, "it ran as itself");
    tap_is((long)w.w[4], env, "in its own environment");
    tap_is(send(server, 3), ERR_OK, "send");
    w = (struct pct_words){{0, 0, 0, 0, 0}};
    tap_is(pct_call(server, &w), ERR_OK, "call again");
    tap_is((long)w.w[1], 3, "the message sent was served meanwhile");
    bool all = true;
    for (word_t i = 0; i < 500; i++) {
        w = (struct pct_words){{i, i, 0, 0, 1}};
        all &= pct_call(server, &w) == ERR_OK && w.w[0] == 2 * i + 1 && w.w[1] == i + 4;
    }
    tap_ok(all, "500 calls in a row");
}

#define ROUNDS 100u

/* Of calls by each of two slots in turn: made the whole way, and straight by the last lookup. */
static void count_lookups(const slot_t slots[2], uint32_t rounds, uint32_t server, uint64_t *misses,
                          uint64_t *hits)
{
    const uint32_t self = (uint32_t)book_utcb()->env;
    const uint64_t calls_before = book_env_counts(self).calls;
    const uint64_t transfers_before = book_env_counts(server).transfers;
    struct pct_words w = {{0, 0, 0, 0, 0}};

    for (uint32_t i = 0; i < rounds; i++)
        pct_call(slots[i % 2], &w);
    *misses = book_env_counts(self).calls - calls_before;
    *hits = book_env_counts(server).transfers - transfers_before;
}

/* One lookup is kept for the next, for each thread: until it names another slot, or any capability
 * for a thread goes. The counters tell. */
static void lookups(slot_t server, uint32_t env)
{
    const slot_t same[2] = {server, server}, turns[2] = {server, guest_slot()};
    struct pct_words w = {{0, 0, 0, 0, 0}};
    uint64_t misses, hits;
    slot_t other = guest_slot();

    exo_cap_copy(SLOT_ENV, turns[1], server, RIGHT_EXEC, 0, 0);
    exo_cap_copy(SLOT_ENV, other, SLOT_THREAD, RIGHT_READ, 0, 0);
    pct_call(server, &w);
    count_lookups(same, ROUNDS, env, &misses, &hits);
    tap_ok(misses == 0 && hits == ROUNDS, "by one capability again and again none is looked up");
    count_lookups(turns, ROUNDS, env, &misses, &hits);
    tap_ok(misses == ROUNDS - 1 && hits == 1, "by two in turn each is");
    pct_call(server, &w);
    exo_cap_delete(other);
    count_lookups(same, ROUNDS, env, &misses, &hits);
    tap_ok(misses == 1 && hits == ROUNDS - 1,
           "when a capability for a thread goes, one is once more");
    pct_call(turns[1], &w);
    exo_cap_delete(turns[1]);
    tap_is(pct_call(turns[1], &w), ERR_BAD_CAP, "and the last one is not kept when it goes itself");
    slot_give(other);
    slot_give(turns[1]);
}

static void ended(struct spawn_child *child)
{
    struct pct_words w = {{THE_END, 0, 0, 0, 0}};
    struct spawn_end end;

    tap_is(pct_call(child->thread, &w), ERR_BAD_STATE, "the callee ends while it serves");
    tap_is(spawn_wait(child, &end), ERR_OK, "its end is told");
    tap_ok(end.exited && end.status == 7, "with its status");
    tap_is(pct_call(child->thread, &w), ERR_BAD_STATE, "call what has ended");
    spawn_destroy(child);
}

struct client {
    struct thread thread;
    slot_t server;
    enum err error;
    volatile bool back;
};

static void call(void *argument)
{
    struct client *c = argument;
    struct pct_words w = {{0, 0, 0, 0, 0}};

    c->error = pct_call(c->server, &w);
    c->back = true;
}

/* A callee that never returns: the caller waits, may be ended, and a second caller is refused. */
static void busy(void)
{
    static struct client c;
    struct pct_words w = {{0, 0, 0, 0, 0}};
    struct raw r;

    raw_make(&r, BLOB(spin));
    exo_thread_stop(r.thread);
    raw_destroy(&r);
    raw_make(&r, BLOB(pct_serve));
    raw_exo(&r)->entry[UPCALL_PCT] = RAW_CODE + PAGE_SIZE; /* not executable: it ends there */
    raw_start(&r, 0);
    guest_sleep(5000);
    tap_is(pct_call(r.thread, &w), ERR_BAD_STATE, "the callee faults at its entry");
    tap_is(raw_wait(&r), ERR_OK, "and its environment ends");
    raw_destroy(&r);

    raw_make(&r, BLOB(pct_serve));
    memcpy((void *)(r.view + 64), blob_spin, (size_t)(blob_spin_end - blob_spin));
    raw_exo(&r)->entry[UPCALL_PCT] = RAW_CODE + 64;
    raw_exo(&r)->pct_stack = RAW_STACK_TOP;
    raw_start(&r, 0);
    guest_sleep(5000);
    c.server = r.thread;
    thread_run(&c.thread, call, &c, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    guest_sleep(5000);
    tap_ok(!c.back && *raw_data(&r) > 0, "a callee that does not return keeps its caller waiting");
    tap_is(pct_call(r.thread, &w), ERR_BAD_STATE, "a second caller is refused meanwhile");
    exo_thread_stop(r.thread);
    guest_sleep(5000);
    tap_ok(c.back && c.error == ERR_BAD_STATE, "stopping the callee tells the caller");
    thread_join(&c.thread);
    raw_destroy(&r);
}

int main(int argc, char **argv)
{
    struct spawn_child child;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "server"))
        pct_serve(serve, (vaddr_t)stack + sizeof stack);
    enum err e =
        guest_spawn(&child, "pct", "server", SERVER_PAGES, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    tap_is(e, ERR_OK, "a server in an environment of its own");
    guest_sleep(20000);
    errors(child.thread);
    good(child.thread, child.thread_id, child.number);
    lookups(child.thread, child.number);
    ended(&child);
    busy();
    return tap_done();
}
