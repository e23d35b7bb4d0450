/* The other side: what the lab's program does when it is started as a partner in another space, and
 * the loops that also run as threads beside the experiment. */
#include <l4/ipc.h>

#include "libos/endpoint.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/rpc.h"
#include "libos/shm_pipe.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "libos/call.h"
#include "tests/lab/lab.h"
#include "tests/lab/probe.h"

#define PARTNER_FRAMES 1024u
#define PAGER_PAGES    (LAB_WARM + LAB_ROUNDS)

static uint8_t pct_stack[4096] __attribute__((aligned(16)));

/* Sends back as many words as came, since the tag lies where it was received. */
_Noreturn void lab_echo_closed(uint64_t client)
{
    L4_Receive(L4_ThreadIdOf(client));
    for (;;)
        L4_Call(L4_ThreadIdOf(client));
}

static uint8_t string_out[LAB_STRING] __attribute__((aligned(PAGE_SIZE)));
static uint8_t string_in[LAB_STRING] __attribute__((aligned(PAGE_SIZE)));

void lab_load_string(void)
{
    L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
    L4_LoadMRs(1, 2, L4_StringItem(LAB_STRING, string_out).raw);
}

void lab_accept_string(void)
{
    L4_MsgBuffer_t buffer;

    L4_MsgBufferClear(&buffer);
    L4_MsgBufferAppendSimpleRcvString(&buffer, L4_StringItem(LAB_STRING, string_in));
    L4_AcceptStrings(L4_StringItemsAcceptor, &buffer);
    memset(string_in, 1, LAB_STRING); /* both have their pages */
    memset(string_out, 2, LAB_STRING);
}

/* Answers a string with a string. */
static _Noreturn void echo_strings(void)
{
    L4_ThreadId_t client;

    lab_accept_string();
    L4_Wait(&client);
    for (;;) {
        lab_load_string();
        L4_ReplyWait(client, &client);
    }
}

_Noreturn void lab_echo_server(void)
{
    L4_ThreadId_t client;

    L4_Wait(&client);
    for (;;)
        L4_ReplyWait(client, &client);
}

/* The same at an endpoint, when it is told that it has one. */
static _Noreturn void serve_endpoint(void)
{
    L4_ThreadId_t client;

    L4_Wait(&client);
    client = L4_nilthread;
    for (;;)
        endpoint_reply_wait(LAB_SLOT_IN, &client);
}

/* Answers each page fault with the next page of its own. */
static _Noreturn void serve_pages(void)
{
    vaddr_t own = 0;
    L4_ThreadId_t client;
    enum err e = vm_map(&own, PAGER_PAGES * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);

    if (e == ERR_OK)
        e = vm_populate(own, PAGER_PAGES * PAGE_SIZE);
    if (e)
        lab_fail("fault.pager.map", e);
    L4_Wait(&client);
    for (;;) {
        L4_MapItem_t item = L4_MapItem(
            L4_FpageAddRights(L4_FpageLog2(own, PAGE_BITS), L4_ReadWriteOnly), L4_Utcb()[1]);
        L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
        L4_LoadMRs(1, 2, item.raw);
        own += PAGE_SIZE;
        L4_ReplyWait(client, &client);
    }
}

static _Noreturn void serve_transfers(void)
{
    struct utcb_exo *utcb = book_utcb();

    utcb->pct_stack = (vaddr_t)pct_stack + sizeof pct_stack;
    utcb->entry[UPCALL_PCT] = (vaddr_t)probe_pct_entry;
    probe_pct_serve();
}

static word_t next_word(word_t caller, word_t a, word_t b, word_t c)
{
    (void)caller, (void)b, (void)c;
    return a + 1;
}

static const rpc_fn procedures[] = {next_word};

/* Sends each word back, plus one. */
static _Noreturn void serve_pipe(void)
{
    struct shm_pipe in, out;
    word_t word, got;
    enum err e = shm_pipe_take(&in, LAB_SLOT_IN);

    if (e == ERR_OK)
        e = shm_pipe_take(&out, LAB_SLOT_OUT);
    while (e == ERR_OK) {
        e = shm_pipe_read(&in, &word, sizeof word, &got);
        word++;
        if (e == ERR_OK)
            e = shm_pipe_write(&out, &word, sizeof word);
    }
    lab_fail("pipe.shm", e);
}

/* The slot that is filled after this program was started, which is told when it is. */
static slot_t wait_for_slot(void)
{
    L4_ThreadId_t from;

    L4_Wait(&from);
    return LAB_SLOT_IN;
}

/* Waits for two bits in another's name: what is there is looked at with each. */
static _Noreturn void watch(slot_t note)
{
    word_t got, all = 0;

    for (;;) {
        notify_until(note, 3, FOREVER, &got);
        all |= got;
        if (all == 3)
            lab_fail("wake.server", ERR_BAD_STATE); /* nobody raises the other one */
    }
}

void lab_play(const char *role)
{
    uint64_t starter = ((const struct startinfo *)START_INFO)->parent_id;

    if (!strcmp(role, "closed"))
        lab_echo_closed(starter);
    if (!strcmp(role, "server"))
        lab_echo_server();
    if (!strcmp(role, "string"))
        echo_strings();
    if (!strcmp(role, "endpoint"))
        serve_endpoint();
    if (!strcmp(role, "pager"))
        serve_pages();
    if (!strcmp(role, "transfer"))
        serve_transfers();
    if (!strcmp(role, "lrpc"))
        rpc_serve(procedures, 1, (vaddr_t)pct_stack + sizeof pct_stack);
    if (!strcmp(role, "tlrpc"))
        rpc_serve_trusted(procedures, 1, (vaddr_t)pct_stack + sizeof pct_stack);
    if (!strcmp(role, "dispatch"))
        lab_dispatch(wait_for_slot());
    if (!strcmp(role, "watch"))
        watch(wait_for_slot());
    if (!strcmp(role, "pipe"))
        serve_pipe();
    log_line("lab: there is no role '%s'", role);
}

void lab_partner(const struct archive *a, const char *role, struct spawn_child *child)
{
    const char *arguments[] = {"lab", "as", role, NULL};
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = PARTNER_FRAMES,
                              .cpu = THREAD_CPU_HERE,
                              .priority = THREAD_PRIORITY + 1}; /* it waits before we go on */
    enum err e = program_start(a, "lab", &args, child);

    if (e)
        lab_fail(role, e);
    exo_yield(child->thread);
}
