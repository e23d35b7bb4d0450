/*
 * Clans and chiefs by redirection: two tasks are a clan, each in a space of its own; every message
 * from one of them to another space is delivered to their chief, a task of its own too, which is
 * told for whom it was meant. It hands on what it approves of, in the name of the member
 * (propagation), so that the answer goes straight back; the rest it answers itself, in the name of
 * the thread that was asked. With two processors the clan is on both.
 */
#include "libos/examples/l4/example.h"

#define MEMBERS    2u
#define ROUNDS     8u
#define LABEL_ASK  1u
#define LABEL_BAD  2u /* what the chief does not let out */
#define LABEL_DONE 3u
#define REFUSED    0xbadu

/* All of these spaces share the program's pages, and so these words. */
static L4_ThreadId_t root, outside, chief_id, members[MEMBERS];
static volatile unsigned passed, refused, direct;

/* ---- Outside of the clan: answers with the number plus one, and the name of who asked. ---- */

static void serve(void)
{
    L4_ThreadId_t from;
    L4_MsgTag_t tag = L4_Wait(&from);

    for (;;) {
        if (!L4_IpcPropagated(tag) || L4_ActualSender().raw != chief_id.raw)
            direct++;
        L4_LoadMR(1, L4_Utcb()[1] + 1);
        L4_LoadMR(2, from.raw);
        L4_Set_MsgTag(L4_MsgTagMake(L4_Label(tag), 2, 0));
        tag = L4_ReplyWait(from, &from);
    }
}

/* ---- The chief. Its space is the members' redirector: it may speak in the name of anybody to them
 * and in their names to anybody. ---- */

/* Sends what is in the message registers to `to` in the name of `from`, and waits for the next. */
static L4_MsgTag_t send_for(L4_ThreadId_t from, L4_ThreadId_t to, L4_MsgTag_t tag,
                            L4_ThreadId_t *next)
{
    L4_Set_VirtualSender(from);
    L4_Set_Propagation(&tag);
    L4_Set_MsgTag(tag);
    return L4_Ipc(to, L4_anythread, L4_Timeouts(L4_Never, L4_Never), next);
}

static void chief(void)
{
    L4_ThreadId_t from;
    L4_MsgTag_t tag = L4_Wait(&from);

    for (;;) {
        L4_ThreadId_t meant = L4_IntendedReceiver();
        if (L4_IpcFailed(tag) || !L4_IpcRedirected(tag)) {
            tag = L4_Wait(&from);
        } else if (L4_Label(tag) == LABEL_BAD) {
            refused++;
            L4_LoadMR(1, REFUSED);
            tag = send_for(meant, from, L4_MsgTagMake(LABEL_BAD, 1, 0), &from);
        } else {
            passed++;
            tag = send_for(from, meant, tag, &from);
        }
    }
}

/* ---- A member: it knows nothing of a chief. ---- */

static L4_Word_t ask(L4_ThreadId_t whom, L4_Word_t label, L4_Word_t number)
{
    L4_LoadMR(1, number);
    L4_Set_MsgTag(L4_MsgTagMake(label, 1, 0));
    L4_MsgTag_t tag = L4_Call(whom);
    return L4_IpcSucceeded(tag) ? L4_Utcb()[1] : 0;
}

static void answer_once(void)
{
    L4_ThreadId_t from;

    L4_Wait(&from);
    L4_LoadMR(1, L4_Utcb()[1] * 2);
    L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
    L4_Send(from);
}

static void live(unsigned number)
{
    L4_Word_t good = 0;

    if (number == 0)
        good += ask(members[1], LABEL_ASK, 21) == 42;
    else
        answer_once(); /* first of all: the chief waits until it can hand on */
    for (L4_Word_t i = 0; i < ROUNDS; i++)
        good += ask(outside, LABEL_ASK, i) == i + 1 && L4_Utcb()[2] == members[number].raw;
    good += ask(outside, LABEL_BAD, 0) == REFUSED;
    ask(root, LABEL_DONE, good);
    for (;;)
        L4_Sleep(L4_Never);
}

static void first_member(void)
{
    live(0);
}

static void second_member(void)
{
    live(1);
}

/* ---- The root makes all of them. ---- */

static void join(L4_ThreadId_t member, L4_Word_t processor)
{
    L4_Word_t control;

    if (!L4_SpaceControl(member, 0, L4_Nilpage, L4_Nilpage, chief_id, &control))
        fail("a chief for the space");
    if (!L4_Set_ProcessorNo(member, processor))
        fail("a member's processor");
}

int example(void)
{
    const entry_fn lives[MEMBERS] = {first_member, second_member};
    L4_ThreadId_t pager = start_image_pager(), from;
    L4_Word_t processors = L4_NumProcessors(L4_GetKernelInterface()), good = 0;

    root = L4_Myself();
    outside = start_thread(serve);
    chief_id = start_task(chief, pager);
    for (unsigned i = 0; i < MEMBERS; i++) {
        members[i] = make_task(pager);
        join(members[i], i % processors);
    }
    for (unsigned i = 0; i < MEMBERS; i++)
        begin_task(members[i], lives[i]);
    for (unsigned i = 0; i < MEMBERS; i++) {
        L4_MsgTag_t tag = L4_Wait(&from);
        L4_Word_t count = L4_Utcb()[1];
        good += L4_IpcPropagated(tag) && count == ROUNDS + 1 + (from.raw == members[0].raw);
        L4_Set_MsgTag(L4_Niltag);
        L4_Reply(from);
    }
    say("chief: %u messages passed, %u refused, %u went round it", passed, refused, direct);
    say("chief: %lu of %u members had the answers that they should", good, MEMBERS);
    return good == MEMBERS && refused == MEMBERS && direct == 0 ? 0 : 1;
}
