/* Threads of this program that make one IPC each and note what came of it. */
#include "tests/qemu/l4_mate.h"

#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

uint32_t mate_cpu(void)
{
    return KINFO->cpu_count > 1 ? 1 : THREAD_CPU_HERE;
}

static void act(void *argument)
{
    struct mate *m = argument;
    L4_MsgTag_t tag = L4_MsgTagMake(5, 1, 0);
    L4_ThreadId_t who;

    if (!L4_IsNilThread(m->virtual)) {
        L4_Set_VirtualSender(m->virtual);
        L4_Set_Propagation(&tag);
    }
    L4_LoadMR(1, m->word);
    L4_Set_MsgTag(tag);
    m->tag = L4_Ipc(m->to, m->from, L4_Timeouts(m->send, m->receive), &who).raw;
    m->error = L4_ErrorCode();
    m->got = L4_Utcb()[1];
    m->actual = L4_ActualSender().raw;
    m->who = who.raw;
    m->back = 1;
}

struct mate mate(L4_ThreadId_t to, L4_ThreadId_t from, L4_Word_t word)
{
    return (struct mate){
        .to = to, .from = from, .send = L4_Never, .receive = L4_Never, .word = word};
}

L4_Word_t mate_state(L4_ThreadId_t t)
{
    return L4_Schedule(t, ~0ul, ~0ul, ~0ul, ~0ul, NULL);
}

L4_ThreadId_t mate_start(struct mate *m, uint32_t cpu, L4_Word_t state)
{
    L4_Word_t now = 0;

    thread_run(&m->thread, act, m, cpu, THREAD_PRIORITY + 1);
    for (unsigned i = 0; i < 1000 && now != state; i++) {
        now = mate_state(L4_ThreadIdOf(m->thread.id));
        if (now != state)
            guest_sleep(1000);
    }
    if (now != state)
        tap_note("state %lu instead of %lu", now, state);
    return L4_ThreadIdOf(m->thread.id);
}

L4_Word_t mate_local_id(const struct mate *m)
{
    return m->thread.memory + UTCB_MR;
}

bool ipc_failed(L4_MsgTag_t tag, unsigned code, unsigned phase)
{
    bool good = L4_IpcFailed(tag) && L4_ErrorCode() == IPC_ERROR(code, phase);

    if (!good)
        tap_note("tag %lx, error %lx", tag.raw, L4_ErrorCode());
    return good;
}

bool mate_told(struct mate *m, unsigned code, unsigned phase)
{
    bool good =
        guest_await(&m->back, 1) && (m->tag & TAG_ERROR) && m->error == IPC_ERROR(code, phase);

    if (!good)
        tap_note("back %lu, tag %lx, error %lx", m->back, m->tag, m->error);
    return good;
}
