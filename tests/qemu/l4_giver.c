/* A thread of this program that answers each message with what it is to give. */
#include "tests/qemu/l4_giver.h"

#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"

L4_Msg_t giver_gift;
static struct thread thread;
static L4_ThreadId_t giver;

static void give(void *unused)
{
    L4_ThreadId_t client;
    L4_MsgTag_t tag = L4_Wait(&client);

    (void)unused;
    for (;;) {
        L4_MsgLoad(&giver_gift);
        tag = L4_IpcFailed(tag) ? L4_Wait(&client) : L4_ReplyWait(client, &client);
    }
}

void giver_start(void)
{
    thread_run(&thread, give, NULL, KINFO->cpu_count > 1 ? 1 : THREAD_CPU_HERE,
               THREAD_PRIORITY + 1);
    giver = L4_ThreadIdOf(thread.id);
}

void giver_end(void)
{
    thread_destroy(&thread);
}

L4_MsgTag_t giver_call(void)
{
    L4_Set_MsgTag(L4_Niltag);
    return L4_Call(giver);
}

L4_MsgTag_t giver_map(L4_Fpage_t fpage, L4_Word_t base, L4_Fpage_t window)
{
    L4_MsgClear(&giver_gift);
    L4_MsgAppendMapItem(&giver_gift, L4_MapItem(L4_FpageAddRights(fpage, L4_ReadWriteOnly), base));
    L4_Accept(L4_MapGrantItems(window));
    return giver_call();
}

L4_MsgTag_t giver_grant(L4_Fpage_t fpage, L4_Word_t base, L4_Fpage_t window)
{
    L4_MsgClear(&giver_gift);
    L4_MsgAppendGrantItem(&giver_gift,
                          L4_GrantItem(L4_FpageAddRights(fpage, L4_ReadWriteOnly), base));
    L4_Accept(L4_MapGrantItems(window));
    return giver_call();
}

bool shows(vaddr_t at, L4_Word_t word)
{
    return !probe_read(at) && *(volatile L4_Word_t *)at == word;
}

bool overflow(L4_MsgTag_t tag)
{
    return L4_IpcFailed(tag) && L4_ErrorCode() == IPC_ERROR(IPC_OVERFLOW, IPC_RECEIVE_PHASE);
}
