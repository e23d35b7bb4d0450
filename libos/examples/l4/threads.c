/* Threads, tasks and the pager of the examples, by X.2's calls. */
#include "libos/examples/l4/example.h"

#define FIRST_NUMBER 4000u
#define THREADS_MAX  16u
#define STACK_BYTES  16384u
#define NO_UTCB      ((void *)~(L4_Word_t)0)

static unsigned char stacks[THREADS_MAX][STACK_BYTES] __attribute__((aligned(4096)));
static unsigned started; /* threads that have a stack       */
static unsigned in_root; /* of these, those of the root space */
static L4_Word_t next_number = FIRST_NUMBER;

L4_ThreadId_t new_thread_id(void)
{
    return L4_GlobalId(next_number++, 1);
}

/* As a function finds it that was called. */
static L4_Word_t new_stack(void)
{
    if (started == THREADS_MAX)
        fail("no stack is left");
    return (L4_Word_t)stacks[started++] + STACK_BYTES - 8;
}

L4_ThreadId_t start_thread(entry_fn run)
{
    L4_ThreadId_t t = new_thread_id(), me = L4_Myself();
    L4_Word_t utcb = root_utcbs + in_root++ * L4_UtcbSize(L4_GetKernelInterface());

    if (!L4_ThreadControl(t, me, me, me, (void *)utcb))
        fail("a thread of the root space");
    L4_Start_SpIp(t, new_stack(), (L4_Word_t)run);
    return t;
}

L4_ThreadId_t make_task(L4_ThreadId_t pager)
{
    L4_ThreadId_t t = new_thread_id(), me = L4_Myself();
    L4_Word_t control;

    /* 1: an inactive thread, and with it a space. */
    if (!L4_ThreadControl(t, t, me, L4_nilthread, NO_UTCB))
        fail("step 1 of a task, an inactive thread");
    /* 2: where the space has its interface page and its UTCBs. */
    if (!L4_SpaceControl(t, 0, L4_FpageLog2(KIP_AREA, PAGE_LOG2),
                         L4_FpageLog2(UTCB_AREA, UTCB_LOG2), L4_nilthread, &control))
        fail("step 2 of a task, its areas");
    /* 3: the thread gets its UTCB and its pager: it waits for a message of that. */
    if (!L4_ThreadControl(t, t, L4_nilthread, me, (void *)UTCB_AREA))
        fail("step 3 of a task, an active thread");
    if (!L4_ThreadControl(t, t, L4_nilthread, pager, NO_UTCB))
        fail("the pager of a task");
    return t;
}

void begin_task(L4_ThreadId_t t, entry_fn run)
{
    /* 4: the message says where it starts. */
    L4_Set_MsgTag(L4_MsgTagMake(0, 2, 0));
    L4_LoadMR(1, (L4_Word_t)run);
    L4_LoadMR(2, new_stack());
    if (L4_IpcFailed(L4_Send(t)))
        fail("step 4 of a task, its start");
}

L4_ThreadId_t start_task(entry_fn run, L4_ThreadId_t pager)
{
    L4_ThreadId_t t = make_task(pager);

    begin_task(t, run);
    return t;
}

void end_thread(L4_ThreadId_t t)
{
    if (!L4_ThreadControl(t, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB))
        fail("a thread's end");
}

L4_Bool_t is_page_fault(L4_MsgTag_t tag)
{
    return L4_IpcSucceeded(tag) && (L4_Label(tag) & ~(L4_Word_t)7) == LABEL_PAGE_FAULT;
}

void load_map(L4_Word_t from, L4_Word_t to, unsigned log2, L4_Word_t rights)
{
    L4_MapItem_t item = L4_MapItem(L4_FpageAddRights(L4_FpageLog2(from, log2), rights),
                                   to & -((L4_Word_t)1 << log2));

    L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
    L4_LoadMRs(1, 2, item.raw);
}

static void serve_image(void)
{
    L4_ThreadId_t from;
    L4_MsgTag_t tag = L4_Wait(&from);

    for (;;) {
        L4_Word_t address = L4_Utcb()[1];
        if (!is_page_fault(tag)) {
            tag = L4_Wait(&from);
            continue;
        }
        load_map(address, address, PAGE_LOG2, L4_FullyAccessible);
        tag = L4_ReplyWait(from, &from);
    }
}

L4_ThreadId_t start_image_pager(void)
{
    return start_thread(serve_image);
}
