/* L4 IPC of a space with a redirector, and IPC in another's name: what goes to the redirector and
 * what it is told, what it may do, how SpaceControl names it, and whose name a thread may take. By
 * two programs, on the other CPU if there is one; this one is the redirector. */
#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/l4_actor.h"
#include "tests/qemu/tap.h"

#define PATIENCE (L4_TimePeriod(5000000)) /* on a busy host */
#define TEN_MS   (L4_TimePeriod(10000))
#define KIP      ((L4_Word_t)GUEST_FREE)
#define UTCBS    ((L4_Word_t)GUEST_FREE + 0x100000)

static struct actor a, b; /* what `a` sends to another space comes here */
static struct outcome of_a, of_b;

static L4_Word_t both_phases(void)
{
    return L4_Timeouts(PATIENCE, PATIENCE);
}

static struct deed message(L4_ThreadId_t to, L4_ThreadId_t answer_of, L4_Word_t word)
{
    return (struct deed){.to = to,
                         .from = answer_of,
                         .timeouts = both_phases(),
                         .tag = L4_MsgTagMake(5, 1, 0),
                         .words = {word}};
}

static struct deed wait_for(L4_ThreadId_t from, L4_Time_t time)
{
    return (struct deed){.from = from, .timeouts = L4_Timeouts(L4_ZeroTime, time)};
}

static bool failed(const struct outcome *o, unsigned code, unsigned phase)
{
    bool good = L4_IpcFailed(o->tag) && o->error == IPC_ERROR(code, phase);

    if (!good)
        tap_note("tag %lx, error %lx, from %lx", o->tag.raw, o->error, o->from.raw);
    return good;
}

/* One word, straight from `from`. */
static bool got(const struct outcome *o, L4_ThreadId_t from, L4_Word_t word)
{
    bool good = L4_IpcSucceeded(o->tag) && !L4_IpcRedirected(o->tag) && !L4_IpcPropagated(o->tag) &&
                o->from.raw == from.raw && o->words[0] == word && L4_UntypedWords(o->tag) == 1;

    if (!good)
        tap_note("tag %lx from %lx: %lx", o->tag.raw, o->from.raw, o->words[0]);
    return good;
}

/* The same, in the name of `from`. */
static bool got_by(const struct outcome *o, L4_ThreadId_t from, L4_ThreadId_t by, L4_Word_t word)
{
    bool good = L4_IpcSucceeded(o->tag) && L4_IpcPropagated(o->tag) && o->from.raw == from.raw &&
                o->actual.raw == by.raw && o->words[0] == word;

    if (!good)
        tap_note("tag %lx from %lx by %lx: %lx", o->tag.raw, o->from.raw, o->actual.raw,
                 o->words[0]);
    return good;
}

/* Comes what `a` sent to `meant`, with one word? */
static bool redirected(L4_ThreadId_t meant, L4_Word_t word)
{
    L4_MsgTag_t tag = L4_Receive_Timeout(a.id, PATIENCE);
    bool good = L4_IpcSucceeded(tag) && L4_IpcRedirected(tag) && L4_UntypedWords(tag) == 1 &&
                L4_Label(tag) == 5 && L4_IntendedReceiver().raw == meant.raw &&
                L4_Utcb()[1] == word;

    if (!good)
        tap_note("tag %lx for %lx: %lx, error %lx", tag.raw, L4_IntendedReceiver().raw,
                 L4_Utcb()[1], L4_ErrorCode());
    return good;
}

static L4_MsgTag_t send_as(L4_ThreadId_t name, L4_ThreadId_t to, L4_Word_t word)
{
    L4_MsgTag_t tag = L4_MsgTagMake(5, 1, 0);

    L4_Set_VirtualSender(name);
    L4_Set_Propagation(&tag);
    L4_LoadMR(1, word);
    L4_Set_MsgTag(tag);
    return L4_Send_Timeout(to, PATIENCE);
}

/* SpaceControl of the space of `a`. */
static L4_Word_t redirect_to(L4_ThreadId_t redirector, L4_Word_t utcbs)
{
    L4_Word_t old;

    return L4_SpaceControl(a.id, 0, L4_FpageLog2(KIP, 12), L4_FpageLog2(utcbs, 16), redirector,
                           &old);
}

/* Waits until an IPC of `a` has failed; no error before it was as high. It reports then, to who
 * still gets what it sends, or when it may send again. */
static void await_failure(L4_Word_t error)
{
    guest_await((volatile uint64_t *)(a.child.utcb + UTCB_MR) + TCR_ERROR, error);
}

static void without(void)
{
    struct deed d = wait_for(L4_anythread, PATIENCE);

    tap_is(exo_env_privilege(SLOT_ENV, SLOT_MACHINE), ERR_OK, "privilege");
    tap_is(actor_ask(&a, ACTOR_LEND, 0, 0), ERR_OK, "it lends memory for its tables");
    actor_begin(&b, &d);
    d = message(b.id, L4_nilthread, 1);
    actor_does(&a, &d, &of_a);
    tap_ok(actor_done(&b, &of_b) && got(&of_b, a.id, 1), "without a redirector messages arrive");
}

static void handed_on(void)
{
    struct deed d = wait_for(L4_anythread, PATIENCE);

    actor_begin(&b, &d);
    d = message(b.id, b.id, 8);
    actor_begin(&a, &d);
    tap_ok(redirected(b.id, 8), "a message to another space goes to the redirector");
    tap_ok(L4_IpcSucceeded(send_as(a.id, b.id, 9)), "it hands another on in the sender's name");
    tap_ok(actor_done(&b, &of_b) && got_by(&of_b, a.id, L4_Myself(), 9),
           "which comes from who sent, with who handed it on as the actual sender");
    d = message(a.id, L4_nilthread, 10);
    actor_does(&b, &d, &of_b);
    tap_ok(actor_done(&a, &of_a) && got(&of_a, b.id, 10), "the answer to it goes straight back");
    struct deed away = wait_for(L4_anythread, TEN_MS); /* not for us, or b would wait for a then */
    actor_begin(&b, &away);
    d = message(b.id, b.id, 11);
    actor_begin(&a, &d);
    tap_ok(redirected(b.id, 11) && L4_IpcSucceeded(send_as(b.id, a.id, 12)) &&
               actor_done(&a, &of_a) && got_by(&of_a, b.id, L4_Myself(), 12),
           "it may answer in the name of who was meant");
    actor_done(&b, &of_b);
}

static void queued(void)
{
    struct deed d = wait_for(L4_anythread, TEN_MS);

    actor_begin(&b, &d);
    d = message(b.id, L4_nilthread, 13);
    actor_begin(&a, &d);
    tap_ok(actor_done(&b, &of_b) && failed(&of_b, IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "who was meant gets nothing");
    tap_ok(redirected(b.id, 13) && actor_done(&a, &of_a) && L4_IpcSucceeded(of_a.tag),
           "a message waits until the redirector takes it");
    d = message(b.id, L4_nilthread, 14);
    d.timeouts = L4_Timeouts(TEN_MS, L4_ZeroTime);
    actor_begin(&a, &d);
    await_failure(IPC_ERROR(IPC_TIMEOUT, IPC_SEND_PHASE));
    tap_ok(actor_done(&a, &of_a) && failed(&of_a, IPC_TIMEOUT, IPC_SEND_PHASE),
           "at most as long as its send phase may take");
}

static void by_themselves(void)
{
    L4_ThreadId_t mate = L4_ThreadIdOf(actor_ask(&a, ACTOR_MATE, 0, 0));
    struct deed d = message(mate, mate, 20);

    tap_ok(actor_does(&a, &d, &of_a) && L4_IpcSucceeded(of_a.tag) && !L4_IpcRedirected(of_a.tag) &&
               of_a.words[0] == 20 && L4_IsLocalId(of_a.from),
           "messages inside of the space go by themselves");
    d = message(L4_Myself(), L4_nilthread, 21);
    actor_begin(&a, &d);
    L4_MsgTag_t tag = L4_Receive_Timeout(a.id, PATIENCE);
    tap_ok(L4_IpcSucceeded(tag) && !L4_IpcRedirected(tag) && L4_Utcb()[1] == 21,
           "and those to the redirector");
    actor_done(&a, &of_a);
    d = wait_for(b.id, PATIENCE);
    actor_begin(&a, &d);
    d = message(a.id, L4_nilthread, 22);
    actor_does(&b, &d, &of_b);
    tap_ok(actor_done(&a, &of_a) && got(&of_a, b.id, 22), "and those from other spaces");
}

/* Is what `a` sends to b redirected? */
static bool is_redirected(void)
{
    struct deed d = message(b.id, L4_nilthread, 30);

    d.timeouts = L4_Timeouts(PATIENCE, L4_ZeroTime);
    actor_begin(&a, &d);
    bool good = redirected(b.id, 30);
    return actor_done(&a, &of_a) && good;
}

static void space_control(void)
{
    tap_is(redirect_to(L4_nilthread, UTCBS), 1, "SpaceControl with nil");
    tap_ok(is_redirected(), "keeps the redirector");
    L4_Word_t done = redirect_to(b.id, (L4_Word_t)-1 << 47), error = L4_ErrorCode();
    tap_ok(!done && error == CALL_ERROR_UTCB_AREA, "with an area that is none it fails");
    tap_ok(is_redirected(), "and the redirector is who it was");
    tap_is(redirect_to(L4_anythread, UTCBS), 1, "with anythread");
    struct deed d = wait_for(L4_anythread, PATIENCE);
    actor_begin(&b, &d);
    d = message(b.id, L4_nilthread, 31);
    actor_does(&a, &d, &of_a);
    tap_ok(actor_done(&b, &of_b) && got(&of_b, a.id, 31), "it takes the redirector away");
}

static void wait_for_ever(void *unused)
{
    (void)unused;
    L4_Sleep(L4_Never);
}

static void gone(void)
{
    static struct thread t;

    thread_run(&t, wait_for_ever, NULL, THREAD_CPU_HERE, THREAD_PRIORITY);
    redirect_to(L4_ThreadIdOf(t.id), UTCBS);
    thread_destroy(&t);
    struct deed d = wait_for(L4_anythread, TEN_MS);
    actor_begin(&b, &d);
    d = message(b.id, L4_nilthread, 40);
    actor_begin(&a, &d);
    await_failure(IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE));
    tap_ok(actor_done(&b, &of_b) && failed(&of_b, IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "of a space whose redirector is gone nobody gets a message");
    redirect_to(L4_anythread, UTCBS);
    tap_ok(actor_done(&a, &of_a) && failed(&of_a, IPC_NO_PARTNER, IPC_SEND_PHASE),
           "and it is told so");
}

static struct outcome of_here;

static void send_in_name_of_a(void *to)
{
    of_here.tag = send_as(a.id, *(L4_ThreadId_t *)to, 53);
}

/* Whose name may be taken: one's own space's, and anybody's towards one's own space. */
static void names(void)
{
    static struct thread t;
    L4_ThreadId_t me = L4_Myself();
    struct deed d = message(me, L4_nilthread, 50);

    d.virtual = a.id;
    actor_begin(&b, &d);
    L4_MsgTag_t tag = L4_Receive_Timeout(b.id, PATIENCE);
    tap_ok(L4_IpcSucceeded(tag) && !L4_IpcPropagated(tag) && L4_Utcb()[1] == 50,
           "a stranger's name is not taken: the message comes from who sent it");
    actor_done(&b, &of_b);
    L4_ThreadId_t mate = L4_ThreadIdOf(actor_ask(&b, ACTOR_MATE, 0, 0));
    d.virtual = mate;
    d.words[0] = 51;
    actor_begin(&b, &d);
    tag = L4_Receive_Timeout(mate, PATIENCE);
    tap_ok(L4_IpcPropagated(tag) && L4_Utcb()[1] == 51 && L4_ActualSender().raw == b.id.raw,
           "one of the sender's space is");
    actor_done(&b, &of_b);
    d.virtual = L4_GlobalId(4000, 1);
    d.words[0] = 52;
    actor_begin(&b, &d);
    tag = L4_Receive_Timeout(b.id, PATIENCE);
    tap_ok(L4_IpcSucceeded(tag) && !L4_IpcPropagated(tag) && L4_Utcb()[1] == 52,
           "nobody's name is not");
    actor_done(&b, &of_b);
    thread_run(&t, send_in_name_of_a, &me, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    tag = L4_Receive_Timeout(a.id, PATIENCE);
    tap_ok(L4_IpcPropagated(tag) && L4_Utcb()[1] == 53 &&
               L4_ActualSender().raw == t.memory + UTCB_MR,
           "and anybody's is, towards the sender's own space");
    thread_join(&t);
}

int main(int argc, char **argv)
{
    const uint32_t cpu = KINFO->cpu_count > 1 ? 1 : THREAD_CPU_HERE;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], ACTOR_ROLE))
        actor_run();
    actor_start(&a, argv[0], cpu);
    actor_start(&b, argv[0], THREAD_CPU_HERE);
    without();
    tap_is(redirect_to(L4_Myself(), UTCBS), 1, "a redirector is named");
    handed_on();
    queued();
    by_themselves();
    space_control();
    gone();
    names();
    actor_end(&a);
    actor_end(&b);
    return tap_done();
}
