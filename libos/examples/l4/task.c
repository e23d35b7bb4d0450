/*
 * A task in the four steps of the X.2 reference: an inactive thread and with it a space, the
 * space's areas, an active thread, and the message that starts it. start_task() in threads.c takes
 * the steps; here the root is the task's pager, and shows what comes of them.
 */
#include "libos/examples/l4/example.h"

#define FAULTS_MAX 16u

static L4_ThreadId_t root;
static volatile L4_Word_t answer = 42; /* in a page that the task does not have at first */

static void task(void)
{
    L4_LoadMR(1, answer);
    L4_LoadMR(2, L4_MyGlobalId().raw);
    L4_Set_MsgTag(L4_MsgTagMake(1, 2, 0));
    L4_Call(root);
    for (;;)
        L4_Sleep(L4_Never);
}

int example(void)
{
    unsigned faults = 0;

    root = L4_Myself();
    L4_ThreadId_t t = start_task(task, root);
    say("task: it is thread %lu, and has a space without pages", L4_ThreadNo(t));
    L4_MsgTag_t tag = L4_Receive(t);
    for (; is_page_fault(tag) && faults < FAULTS_MAX; faults++) {
        L4_Word_t address = L4_Utcb()[1];
        load_map(address, address, PAGE_LOG2, L4_FullyAccessible);
        tag = L4_Call(t);
    }
    if (L4_IpcFailed(tag) || L4_Label(tag) != 1)
        fail("its message");
    L4_Word_t word = L4_Utcb()[1], name = L4_Utcb()[2];
    say("task: %u page faults later it says %lu, and its name is right: %s", faults, word,
        name == t.raw ? "yes" : "no");
    end_thread(t);
    L4_Set_MsgTag(L4_Niltag);
    tag = L4_Send(t);
    say("task: it ended; a message to it fails with error %lu", L4_ErrorCode() >> 1 & 7);
    return word == 42 && name == t.raw && L4_IpcFailed(tag) ? 0 : 1;
}
