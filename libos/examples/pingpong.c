/*
 * Two address spaces calling each other: what a round costs by L4 IPC and by protected control
 * transfer. Prints time-stamp counter ticks, which are instructions when QEMU runs with
 * `-icount shift=0`. The program starts itself a second time as the partner.
 */
#include <l4/ipc.h>

#include "libos/archive.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/pct.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/thread.h"

#define ROUNDS         1000u
#define PARTNER_FRAMES 512u

static uint8_t pct_stack[8192] __attribute__((aligned(16)));

/* The partner answers each message with its first word plus one. */
static _Noreturn void echo_ipc(void)
{
    L4_ThreadId_t client;
    L4_MsgTag_t tag = L4_Wait(&client);

    for (;;) {
        if (L4_IpcFailed(tag)) {
            tag = L4_Wait(&client);
            continue;
        }
        L4_Utcb()[1]++;
        L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
        tag = L4_ReplyWait(client, &client);
    }
}

static void echo_pct(word_t caller, struct pct_words *words)
{
    (void)caller;
    words->w[0]++;
}

/* Ticks of `ROUNDS` calls, or 0 when one went wrong. */
static uint64_t measure_ipc(L4_ThreadId_t partner)
{
    uint64_t begin = cpu_ticks();

    for (L4_Word_t i = 0; i < ROUNDS; i++) {
        L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
        L4_LoadMR(1, i);
        L4_MsgTag_t tag = L4_Call(partner);
        if (L4_IpcFailed(tag) || L4_Utcb()[1] != i + 1) {
            log_line("pingpong: round %lu: tag %lx error %lx word %lx", i, tag.raw, L4_ErrorCode(),
                     L4_Utcb()[1]);
            return 0;
        }
    }
    return cpu_ticks() - begin;
}

static uint64_t measure_pct(slot_t partner)
{
    uint64_t begin = cpu_ticks();

    for (word_t i = 0; i < ROUNDS; i++) {
        struct pct_words words = {{i, 0, 0, 0, 0}};
        enum err e = pct_call(partner, &words);
        if (e || words.w[0] != i + 1) {
            log_line("pingpong: pct round %lu: %s, word %lx", i, error_text(e), words.w[0]);
            return 0;
        }
    }
    return cpu_ticks() - begin;
}

static void start_partner(const struct archive *a, const char *how, struct spawn_child *child)
{
    const char *arguments[] = {"pingpong", how, NULL};
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = PARTNER_FRAMES,
                              .cpu = THREAD_CPU_HERE,
                              .priority = THREAD_PRIORITY + 1}; /* waits before we call */
    enum err e = program_start(a, "pingpong", &args, child);

    if (e)
        program_fail(1, "pingpong", error_text(e));
    exo_yield(child->thread);
}

static int report(const char *what, uint64_t ticks)
{
    if (!ticks)
        return 1;
    log_line("%s: %u rounds, %lu ticks, %lu a round", what, ROUNDS, ticks, ticks / ROUNDS);
    return 0;
}

int main(int argc, char **argv)
{
    struct archive archive;
    struct spawn_child child;
    enum err e = libos_setup();

    if (e)
        program_fail(1, "pingpong", error_text(e));
    if (argc > 1 && !strcmp(argv[1], "ipc"))
        echo_ipc();
    if (argc > 1 && !strcmp(argv[1], "pct"))
        pct_serve(echo_pct, (vaddr_t)pct_stack + sizeof pct_stack);
    e = archive_map(&archive);
    if (e)
        program_fail(1, "pingpong", error_text(e));

    start_partner(&archive, "ipc", &child);
    int failed = report("ipc call", measure_ipc(L4_ThreadIdOf(child.thread_id)));
    spawn_destroy(&child);
    start_partner(&archive, "pct", &child);
    failed |= report("pct call", measure_pct(child.thread));
    spawn_destroy(&child);
    return failed;
}
