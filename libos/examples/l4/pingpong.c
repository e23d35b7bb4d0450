/*
 * What an IPC costs: one thread sends `words` words and waits for them to come back. Between two
 * spaces, inside one, inside one by Lipc; then messages that map pages, and strings. Prints ticks
 * of the time-stamp counter for one way, half of a round: cycles on a machine, instructions when
 * QEMU runs with `-icount shift=0`.
 */
#include "libos/examples/l4/example.h"

#define ROUNDS       1000u
#define FEW          64u /* of maps and strings */
#define WORDS_MAX    60u
#define STRING_BYTES 4096u
#define PAGES        ((L4_Word_t)0x720020000000) /* where maps arrive, in the partner's space */

static unsigned char text[STRING_BYTES] __attribute__((aligned(4096)));
static unsigned char buffer[STRING_BYTES] __attribute__((aligned(4096)));
static L4_Bool_t failed;

/* The partner sends each message back as it came: its words, that is. */
static void pong(void)
{
    L4_ThreadId_t from;
    L4_MsgTag_t tag;

    L4_Accept(L4_AddAcceptor(L4_MapGrantItems(L4_CompleteAddressSpace), L4_StringItemsAcceptor));
    L4_LoadBR(1, (L4_Word_t)STRING_BYTES << 10);
    L4_LoadBR(2, (L4_Word_t)buffer);
    for (unsigned i = 0; i < STRING_BYTES; i += 64)
        buffer[i] = 0; /* its pages are there before a string comes */
    tag = L4_Wait(&from);
    for (;;) {
        L4_Set_MsgTag(L4_MsgTagMake(L4_Label(tag), L4_UntypedWords(tag), 0));
        tag = L4_ReplyWait(from, &from);
    }
}

/* The same by Lipc. */
static void local_pong(void)
{
    L4_ThreadId_t from;
    L4_MsgTag_t tag = L4_Wait(&from);

    for (;;) {
        L4_Set_MsgTag(L4_MsgTagMake(L4_Label(tag), L4_UntypedWords(tag), 0));
        tag = L4_LreplyWait(from, &from);
    }
}

static void check(L4_MsgTag_t tag, unsigned words, const char *what)
{
    if (L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == words)
        return;
    say("pingpong: %s: tag %lx, error %lx", what, tag.raw, L4_ErrorCode());
    failed = 1;
}

static L4_Word_t measure(L4_ThreadId_t partner, unsigned words, L4_Bool_t local)
{
    L4_MsgTag_t tag = L4_Niltag;
    L4_Word_t begin = ticks();

    for (unsigned i = 0; i < ROUNDS; i++) {
        L4_Set_MsgTag(L4_MsgTagMake(0, words, 0));
        tag = local ? L4_Lcall(partner) : L4_Call(partner);
    }
    L4_Word_t each = (ticks() - begin) / ROUNDS / 2;
    check(tag, words, "words");
    return each;
}

static void words_by_length(const char *how, L4_ThreadId_t partner, L4_Bool_t local)
{
    measure(partner, 0, local);
    for (unsigned words = 0; words <= WORDS_MAX; words += 4)
        say("pingpong: %s: %2u words, %lu ticks", how, words, measure(partner, words, local));
}

/* One page a message; it is taken back in between, uncounted. */
static void maps(L4_ThreadId_t partner)
{
    L4_Word_t sum = 0;

    for (unsigned i = 0; i < FEW; i++) {
        L4_Word_t begin = ticks();
        load_map((L4_Word_t)text, PAGES, PAGE_LOG2, L4_FullyAccessible);
        L4_MsgTag_t tag = L4_Call(partner);
        sum += ticks() - begin;
        check(tag, 0, "a map");
        L4_UnmapFpage(
            L4_FpageAddRights(L4_FpageLog2((L4_Word_t)text, PAGE_LOG2), L4_FullyAccessible));
    }
    say("pingpong: a map of one page and an empty answer: %lu ticks", sum / FEW);
}

static void strings(L4_ThreadId_t partner)
{
    for (unsigned bytes = 16; bytes <= STRING_BYTES; bytes *= 4) {
        L4_Word_t begin = ticks();
        for (unsigned i = 0; i < FEW; i++) {
            L4_StringItem_t item = L4_StringItem(bytes, text);
            L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
            L4_LoadMR(1, item.raw[0]);
            L4_LoadMR(2, (L4_Word_t)text);
            check(L4_Call(partner), 0, "a string");
        }
        say("pingpong: a string of %4u bytes and an empty answer: %lu ticks", bytes,
            (ticks() - begin) / FEW);
    }
}

int example(void)
{
    L4_ThreadId_t inter = start_task(pong, start_image_pager());
    L4_ThreadId_t intra = start_thread(pong), local = start_thread(local_pong);

    words_by_length("inter", inter, 0);
    words_by_length("intra", intra, 0);
    words_by_length("Lipc", L4_LocalIdOf(local), 1);
    maps(inter);
    strings(inter);
    say("pingpong: %s", failed ? "something went wrong" : "every message came back");
    return failed ? 1 : 0;
}
