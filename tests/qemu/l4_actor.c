/* A program in another space that makes the IPC that a test tells it to make. */
#include "tests/qemu/l4_actor.h"

#include <l4/space.h>
#include <l4/thread.h>

#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define FRAMES      512u
#define DEED_WORDS  (sizeof(struct deed) / sizeof(L4_Word_t))
#define OUT_WORDS   (sizeof(struct outcome) / sizeof(L4_Word_t))
#define PATIENCE    (L4_TimePeriod(5000000)) /* on a busy host */
#define LABEL_READS 1u

static L4_ThreadId_t boss;

/* The way to it may be closed for a while, by a redirector that is gone. */
static void tell(L4_Word_t label, const void *words, unsigned count)
{
    for (;;) {
        L4_LoadMRs(1, count, words);
        L4_Set_MsgTag(L4_MsgTagMake(label, count, 0));
        if (L4_IpcSucceeded(L4_Send(boss)))
            return;
        L4_Sleep(L4_TimePeriod(1000));
    }
}

static void act(const struct deed *d)
{
    L4_MsgTag_t tag = d->tag;
    struct outcome o;

    L4_Accept((L4_Acceptor_t){d->acceptor});
    L4_LoadMRs(1, ACTOR_WORDS, d->words);
    if (!L4_IsNilThread(d->virtual)) {
        L4_Set_VirtualSender(d->virtual);
        L4_Set_Propagation(&tag);
    }
    L4_Set_MsgTag(tag);
    o.tag = L4_Ipc(d->to, d->from, d->timeouts, &o.from);
    L4_StoreMRs(1, ACTOR_WORDS, o.words);
    o.error = L4_ErrorCode();
    o.actual = L4_ActualSender();
    o.intended = L4_IntendedReceiver();
    L4_Accept(L4_UntypedWordsAcceptor);
    tell(ACTOR_DEED, &o, OUT_WORDS);
}

/* Its exceptions are its pager's, this program's first thread. */
static void read_port(void *argument)
{
    const L4_Word_t *w = argument;
    uint8_t value;

    book_utcb()->entry[UPCALL_EXCEPTION] = 0;
    L4_Set_Pager(L4_ThreadIdOf(w[1]));
    __asm__ volatile("inb %%dx, %%al" : "=a"(value) : "d"((uint16_t)w[0]));
    L4_Set_MsgTag(L4_MsgTagMake(LABEL_READS, 0, 0));
    L4_Send(L4_ThreadIdOf(w[1]));
    L4_Sleep(L4_Never);
}

static L4_Word_t ports(L4_Word_t first, L4_Word_t count)
{
    L4_Word_t bits = 0;

    for (L4_Word_t i = 0; i < count; i++) {
        static struct thread t;
        L4_Word_t w[2] = {first + i, L4_MyGlobalId().raw};
        thread_run(&t, read_port, w, THREAD_CPU_HERE, THREAD_PRIORITY);
        L4_MsgTag_t tag = L4_Receive_Timeout(L4_ThreadIdOf(t.id), PATIENCE);
        if (L4_IpcSucceeded(tag) && L4_Label(tag) == LABEL_READS)
            bits |= (L4_Word_t)1 << i;
        thread_destroy(&t);
    }
    return bits;
}

static void answer(void *unused)
{
    L4_ThreadId_t from;

    (void)unused;
    L4_MsgTag_t tag = L4_Wait(&from);
    for (;;)
        tag = L4_IpcFailed(tag) ? L4_Wait(&from) : L4_ReplyWait(from, &from);
}

static L4_Word_t start_mate(void)
{
    static struct thread t;

    thread_run(&t, answer, NULL, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    return t.id;
}

static L4_Word_t exchange(L4_ThreadId_t t, L4_Word_t handle)
{
    L4_Exregs_t r = {L4_EXREGS_HANDLE, 0, 0, 0, handle, {0}};

    return L4_IsNilThread(L4_ExchangeThread(t, &r)) ? L4_ErrorCode() : 0;
}

static L4_Word_t look(enum actor_question question, L4_Word_t x, L4_Word_t y)
{
    L4_Fpage_t f = L4_FpageOf(x);

    switch (question) {
    case ACTOR_UNMAP:
        L4_UnmapWith(y, 1, &f);
        return f.raw;
    case ACTOR_PEEK:
        return probe_read(x) ? ACTOR_NONE : *(volatile L4_Word_t *)x;
    case ACTOR_PORTS:
        return ports(x, y);
    case ACTOR_MATE:
        return start_mate();
    case ACTOR_SCHEDULE:
        return L4_Set_Priority(L4_ThreadIdOf(x), y) ? 0 : L4_ErrorCode();
    case ACTOR_EXCHANGE:
        return exchange(L4_ThreadIdOf(x), y);
    case ACTOR_LEND:
        return exo_env_kmem(SLOT_ENV, SLOT_MEMORY);
    default:
        return ACTOR_NONE;
    }
}

static void obey(L4_MsgTag_t tag)
{
    struct deed d;

    L4_StoreMRs(1, DEED_WORDS, (L4_Word_t *)(void *)&d);
    if (L4_Label(tag) == ACTOR_DEED) {
        act(&d);
    } else {
        L4_Word_t told = look((enum actor_question)L4_Label(tag), L4_Utcb()[1], L4_Utcb()[2]);
        tell(L4_Label(tag), &told, 1);
    }
}

_Noreturn void actor_run(void)
{
    for (L4_MsgTag_t tag = L4_Wait(&boss);; tag = L4_Receive(boss))
        if (L4_IpcSucceeded(tag))
            obey(tag);
}

bool actor_start(struct actor *a, const char *program, uint32_t cpu)
{
    enum err e = guest_spawn(&a->child, program, ACTOR_ROLE, FRAMES, cpu, THREAD_PRIORITY + 1);

    a->id = L4_ThreadIdOf(a->child.thread_id);
    return tap_is(e, ERR_OK, "a program in another space");
}

void actor_end(struct actor *a)
{
    spawn_destroy(&a->child);
}

void actor_begin(const struct actor *a, const struct deed *d)
{
    L4_LoadMRs(1, DEED_WORDS, (const L4_Word_t *)(const void *)d);
    L4_Set_MsgTag(L4_MsgTagMake(ACTOR_DEED, DEED_WORDS, 0));
    L4_Send(a->id);
}

bool actor_done(const struct actor *a, struct outcome *o)
{
    L4_MsgTag_t tag = L4_Receive_Timeout(a->id, PATIENCE);

    if (L4_IpcFailed(tag) || L4_UntypedWords(tag) != OUT_WORDS) {
        tap_note("no report: tag %lx, error %lx", tag.raw, L4_ErrorCode());
        return false;
    }
    L4_StoreMRs(1, OUT_WORDS, (L4_Word_t *)(void *)o);
    return true;
}

bool actor_does(const struct actor *a, const struct deed *d, struct outcome *o)
{
    actor_begin(a, d);
    return actor_done(a, o);
}

L4_Word_t actor_ask(const struct actor *a, enum actor_question question, L4_Word_t x, L4_Word_t y)
{
    L4_LoadMR(1, x);
    L4_LoadMR(2, y);
    L4_Set_MsgTag(L4_MsgTagMake(question, 2, 0));
    return L4_IpcSucceeded(L4_Call(a->id)) ? L4_Utcb()[1] : ACTOR_NONE;
}
