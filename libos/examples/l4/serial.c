/* A serial driver at user level: one thread for the interrupt source, and a bottom half that moves
 * the bytes and serves clients. The client here sends back what comes, each byte one higher. */
#include <l4/arch.h>
#include <l4/sigma0.h>

#include "libos/examples/l4/example.h"

#define BASE ((uint16_t)0x2e8) /* a fourth serial port: the first three are the kernel's */
#define LINE 10u

enum { DATA, INTERRUPTS, FIFO, FORMAT, MODEM, STATUS }; /* registers of a 16550 */
enum { ON_DATA = 1, ON_ROOM = 2 };                      /* in INTERRUPTS         */
enum { HAS_DATA = 1, HAS_ROOM = 0x20 };                 /* in STATUS             */

#define REQUEST_READ  1u
#define REQUEST_WRITE 2u
#define WORDS_MAX     60u /* of a message, for bytes */
#define BYTES_MAX     (WORDS_MAX * sizeof(L4_Word_t))

#define RING_BYTES 4096u

struct ring {
    unsigned char bytes[RING_BYTES];
    unsigned first, count;
};

static struct ring received, to_send; /* the bottom half's alone */
static volatile L4_Word_t interrupts;
static L4_ThreadId_t bottom;

static const L4_ThreadId_t line = {.raw = (L4_Word_t)LINE << 32 | 1};

static unsigned char in(unsigned reg)
{
    unsigned char value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"((uint16_t)(BASE + reg)));
    return value;
}

static void out(unsigned reg, unsigned char value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "d"((uint16_t)(BASE + reg)));
}

static void ring_put(struct ring *r, unsigned char byte)
{
    r->bytes[(r->first + r->count++) % RING_BYTES] = byte;
}

static unsigned char ring_get(struct ring *r)
{
    unsigned char byte = r->bytes[r->first];

    r->first = (r->first + 1) % RING_BYTES;
    r->count--;
    return byte;
}

/* The interrupt source's thread: quiets the device, which the bottom half wakes when it has served
 * it, tells that, and lets the line interrupt again. */
static void serve_line(void)
{
    L4_ThreadId_t from;

    if (!L4_AssociateInterrupt(line, L4_Myself()))
        fail("the line of the serial port");
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(bottom); /* the device may begin */
    for (;;) {
        L4_Set_MsgTag(L4_Niltag);
        L4_ReplyWait(line, &from);
        interrupts++;
        out(INTERRUPTS, 0);
        L4_Set_MsgTag(L4_Niltag);
        L4_Send(bottom);
    }
}

/* Moves what can be moved, and has the device interrupt for the rest. */
static void serve_device(void)
{
    unsigned char wanted = 0;

    while (received.count < RING_BYTES && (in(STATUS)&HAS_DATA))
        ring_put(&received, in(DATA));
    while (to_send.count && (in(STATUS)&HAS_ROOM)) /* byte by byte: its FIFO may be off */
        out(DATA, ring_get(&to_send));
    if (received.count < RING_BYTES)
        wanted |= ON_DATA;
    if (to_send.count)
        wanted |= ON_ROOM;
    out(INTERRUPTS, wanted);
}

/* What the client asked for: MR1 bytes, in MR2 and on. 0 words: not yet. */
static unsigned take_request(L4_Word_t label, const L4_Word_t *request, L4_Word_t *answer)
{
    const unsigned char *from = (const unsigned char *)(request + 1);
    unsigned char *to = (unsigned char *)(answer + 1);
    const L4_Word_t wanted = request[0] < BYTES_MAX ? request[0] : BYTES_MAX;

    answer[0] = 0;
    if (label == REQUEST_READ)
        while (received.count && answer[0] < wanted)
            to[answer[0]++] = ring_get(&received);
    if (label == REQUEST_WRITE)
        while (to_send.count < RING_BYTES && answer[0] < wanted)
            ring_put(&to_send, from[answer[0]++]);
    return answer[0] ? 1 + (unsigned)((answer[0] + 7) / 8) : 0;
}

/* One request is under way at a time: it waits until there are bytes, or room for some. */
static void serve_all(void)
{
    L4_ThreadId_t from, client = L4_nilthread, reply_to = L4_nilthread;
    L4_Word_t request[1 + WORDS_MAX] = {0}, answer[1 + WORDS_MAX], label = 0;

    for (;;) {
        L4_MsgTag_t tag = L4_ReplyWait(reply_to, &from);
        if (L4_IpcSucceeded(tag) && L4_Label(tag)) {
            client = from;
            label = L4_Label(tag);
            L4_StoreMRs(1, 1 + WORDS_MAX, request);
        }
        reply_to = L4_nilthread;
        serve_device();
        unsigned words = L4_IsNilThread(client) ? 0 : take_request(label, request, answer);
        L4_Set_MsgTag(L4_Niltag);
        if (!words)
            continue;
        serve_device(); /* there is room, or something to send, now */
        L4_Set_MsgTag(L4_MsgTagMake(0, words, 0));
        L4_LoadMRs(1, words, answer);
        reply_to = client;
        client = L4_nilthread;
    }
}

static void begin(void)
{
    const L4_Fpage_t ports = L4_IoFpageLog2(BASE, 3);
    const L4_ThreadId_t sigma1 = L4_GlobalId(L4_ThreadIdUserBase(L4_GetKernelInterface()) + 1, 1);

    if (L4_IsNilFpage(L4_Sigma0_GetPage_RcvWindow(sigma1, ports, ports)))
        fail("the ports of the serial port");
    bottom = start_thread(serve_all);
    start_thread(serve_line);
}

/* Reads or writes some of `count` bytes; how many. */
static L4_Word_t transfer(L4_Word_t label, unsigned char *bytes, L4_Word_t count)
{
    L4_Word_t words[1 + WORDS_MAX] = {count < BYTES_MAX ? count : BYTES_MAX};
    unsigned char *there = (unsigned char *)(words + 1);

    for (L4_Word_t i = 0; label == REQUEST_WRITE && i < words[0]; i++)
        there[i] = bytes[i];
    L4_Set_MsgTag(L4_MsgTagMake(label, 1 + (label == REQUEST_WRITE ? WORDS_MAX : 0), 0));
    L4_LoadMRs(1, 1 + (label == REQUEST_WRITE ? WORDS_MAX : 0), words);
    L4_MsgTag_t tag = L4_Call(bottom);
    if (L4_IpcFailed(tag))
        fail("a request to the driver");
    L4_StoreMRs(1, (unsigned)L4_UntypedWords(tag), words);
    for (L4_Word_t i = 0; label == REQUEST_READ && i < words[0]; i++)
        bytes[i] = there[i];
    return words[0];
}

static void transfer_all(L4_Word_t label, unsigned char *bytes, L4_Word_t count)
{
    for (L4_Word_t done = 0; done < count;)
        done += transfer(label, bytes + done, count - done);
}

/* The first four bytes say how many follow. */
int example(void)
{
    unsigned char bytes[BYTES_MAX], head[4];
    L4_Word_t count, done = 0;

    begin();
    say("serial: ready");
    transfer_all(REQUEST_READ, head, sizeof head);
    count = (L4_Word_t)head[0] | (L4_Word_t)head[1] << 8 | (L4_Word_t)head[2] << 16 |
            (L4_Word_t)head[3] << 24;
    while (done < count) {
        L4_Word_t left = count - done;
        L4_Word_t some = transfer(REQUEST_READ, bytes, left < BYTES_MAX ? left : BYTES_MAX);
        for (L4_Word_t i = 0; i < some; i++)
            bytes[i]++;
        transfer_all(REQUEST_WRITE, bytes, some);
        done += some;
    }
    transfer_all(REQUEST_READ, head, 1); /* whoever is there has got all */
    say("serial: %lu bytes in and out, interrupts for them: %s", done, interrupts ? "yes" : "no");
    return 0;
}
