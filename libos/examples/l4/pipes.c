/*
 * The three pipes of the L4Linux paper (Haertig and others, SOSP 1997), between two spaces:
 *
 *   asynchronous pipe   a ring of bytes in shared memory; who finds it full, or empty, waits by IPC
 *                       for the other side
 *   synchronous RPC     each piece of data is a string of an IPC, copied once by the kernel
 *   mapping RPC         each piece is mapped, not copied, and unmapped when the reader is through
 *
 * For each: ticks of a piece of one byte, and of BULK bytes. The writer's words say what the data
 * is, and the reader adds them up, so that a wrong one is seen.
 */
#include "libos/examples/l4/example.h"

#define ROUNDS 128u
#define BULK   4096u
#define DATA   ((L4_Word_t)0x720020000000) /* where mapped pieces arrive */

enum how { ASYNCHRONOUS, RPC, MAPPING, HOWS };

struct ring {
    volatile L4_Word_t written, read; /* bytes ever */
    volatile L4_Bool_t reader_waits, writer_waits;
    unsigned char bytes[2 * BULK];
};

/* Pages that both spaces have. */
static struct ring ring __attribute__((aligned(4096)));
static volatile L4_Word_t sum_read;
static volatile unsigned how, piece;
static L4_ThreadId_t writer, reader;

static unsigned char out[BULK] __attribute__((aligned(4096)));
static unsigned char in[BULK] __attribute__((aligned(4096)));

static void copy(void *to, const void *from, L4_Word_t bytes)
{
    L4_Word_t words = bytes / 8;

    bytes %= 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static void wake(volatile L4_Bool_t *waits, L4_ThreadId_t t)
{
    if (!*waits)
        return;
    *waits = 0;
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(t);
}

/* ---- The asynchronous pipe. ---- */

/* `bytes` divides the ring. */
static void ring_write(const unsigned char *from, L4_Word_t bytes)
{
    while (ring.written + bytes - ring.read > sizeof ring.bytes) {
        ring.writer_waits = 1;
        if (ring.written + bytes - ring.read > sizeof ring.bytes)
            L4_Receive(reader);
        ring.writer_waits = 0;
    }
    copy(ring.bytes + ring.written % sizeof ring.bytes, from, bytes);
    ring.written += bytes;
    wake(&ring.reader_waits, reader);
}

static void ring_read(unsigned char *to, L4_Word_t bytes)
{
    while (ring.written - ring.read < bytes) {
        ring.reader_waits = 1;
        if (ring.written - ring.read < bytes)
            L4_Receive(writer);
        ring.reader_waits = 0;
    }
    copy(to, ring.bytes + ring.read % sizeof ring.bytes, bytes);
    ring.read += bytes;
    wake(&ring.writer_waits, writer);
}

/* ---- The writer's side of a piece. ---- */

static void write_piece(void)
{
    L4_StringItem_t item = L4_StringItem(piece, out);

    switch (how) {
    case ASYNCHRONOUS:
        ring_write(out, piece);
        return;
    case RPC:
        L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
        L4_LoadMR(1, item.raw[0]);
        L4_LoadMR(2, (L4_Word_t)out);
        break;
    default:
        load_map((L4_Word_t)out, DATA, PAGE_LOG2, L4_Readable);
    }
    if (L4_IpcFailed(L4_Call(reader)))
        fail("a piece of a pipe");
    if (how == MAPPING)
        L4_UnmapFpage(
            L4_FpageAddRights(L4_FpageLog2((L4_Word_t)out, PAGE_LOG2), L4_FullyAccessible));
}

/* ---- The reader: adds up the first byte of each piece. ---- */

static void read_pieces(void)
{
    L4_ThreadId_t from;

    if (how == ASYNCHRONOUS)
        for (unsigned i = 0; i < ROUNDS; i++) {
            ring_read(in, piece);
            sum_read += in[0];
        }
    else
        for (unsigned i = 0; i < ROUNDS; i++) {
            if (i == 0)
                L4_Wait(&from);
            sum_read += how == RPC ? in[0] : *(volatile unsigned char *)DATA;
            L4_Set_MsgTag(L4_Niltag);
            if (i + 1 < ROUNDS)
                L4_ReplyWait(writer, &from);
            else
                L4_Send(writer);
        }
}

static void read_all(void)
{
    L4_Accept(L4_AddAcceptor(L4_MapGrantItems(L4_CompleteAddressSpace), L4_StringItemsAcceptor));
    L4_LoadBR(1, (L4_Word_t)BULK << 10);
    L4_LoadBR(2, (L4_Word_t)in);
    for (;;) {
        L4_Set_MsgTag(L4_Niltag);
        L4_Call(writer); /* ready for a series; and again when it is over */
        read_pieces();
    }
}

/* ---- Series. ---- */

static L4_Word_t series(unsigned kind, unsigned bytes)
{
    L4_Word_t sum_written = 0;

    how = kind;
    piece = bytes;
    sum_read = 0;
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(reader);
    L4_Word_t begin = ticks();
    for (unsigned i = 0; i < ROUNDS; i++) {
        out[0] = (unsigned char)(i * 7 + bytes);
        sum_written += out[0];
        write_piece();
    }
    L4_Receive(reader);
    L4_Word_t each = (ticks() - begin) / ROUNDS;
    if (sum_read != sum_written)
        fail("pipes: other data came out than went in");
    return each;
}

int example(void)
{
    static const char *const names[HOWS] = {"asynchronous pipe", "synchronous RPC", "mapping RPC"};

    writer = L4_Myself();
    reader = start_task(read_all, start_image_pager());
    L4_Receive(reader);
    for (unsigned kind = 0; kind < HOWS; kind++) {
        series(kind, 1);
        L4_Word_t one = series(kind, 1);
        series(kind, BULK);
        say("pipes: %s: 1 byte %lu ticks, %u bytes %lu", names[kind], one, BULK,
            series(kind, BULK));
    }
    say("pipes: what went in came out");
    return 0;
}
