/*
 * sigma0: the first program. It starts root with most of the memory and all devices, and then gives
 * pages of what it kept to whoever asks by the X.2 sigma0 protocol: by IPC with a request, or by a
 * page fault. It maps each page at its physical address, and gives each away once.
 */
#include <l4/ipc.h>

#include "exo/abi/kinfo.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/exit.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "libos/vm.h"

#define STATUS_BOOT   65
#define KEEP_FRACTION 8u /* sigma0 keeps one part of so many of the memory, for L4 tasks */
#define LABEL_RPC     (-6l * 16)
#define LABEL_FAULT   (-2l * 16)
#define LABEL_MASK    (((L4_Word_t)1 << 48) - 1)
#define ANY_BASE      (~(L4_Word_t)0x3ff)
#define LOG2_MAX      30u /* a request for more than 1 GiB is refused */

_Static_assert(L4_KIP_WINDOW == WINDOW_KIP, "the kernel's window shows the interface page");

static struct archive archive;
static struct spawn_child root;
static struct thread watcher;

/* Maps frames [pfn, pfn + count) where they are in physical memory. */
static bool take_pages(pfn_t pfn, uint32_t count)
{
    vaddr_t va = (vaddr_t)pfn << PAGE_BITS;
    slot_t slot;

    if (!va || !region_has(pfn, count) || slot_take(&slot))
        return false;
    enum err e = exo_frames_alloc(SLOT_MEMORY, pfn, count, slot);
    if (e) {
        slot_give(slot);
        return false;
    }
    e = vm_map_frames(slot, pfn, count, &va, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
    if (e == ERR_OK)
        e = vm_populate(va, count * PAGE_SIZE);
    if (e) {
        vm_unmap((vaddr_t)pfn << PAGE_BITS, count * PAGE_SIZE);
        region_give_frames(slot, pfn, count);
    }
    return e == ERR_OK;
}

/* The fpage to give for a request, or nil. */
static L4_Fpage_t serve(L4_Fpage_t wanted)
{
    unsigned log2 = (unsigned)L4_SizeLog2(wanted);
    pfn_t pfn;

    if (log2 < PAGE_BITS || log2 > LOG2_MAX)
        return L4_Nilpage;
    uint32_t count = 1u << (log2 - PAGE_BITS);
    if ((wanted.raw & ANY_BASE) == ANY_BASE) {
        if (region_find_aligned(count, &pfn))
            return L4_Nilpage;
    } else {
        L4_Word_t first = L4_Address(wanted) >> PAGE_BITS;
        if (first > UINT32_MAX)
            return L4_Nilpage;
        pfn = (pfn_t)first;
    }
    if (!take_pages(pfn, count))
        return L4_Nilpage;
    return L4_FpageAddRights(L4_FpageLog2((L4_Word_t)pfn << PAGE_BITS, log2), L4_FullyAccessible);
}

/* Puts the answer to the message in the message registers. False: it gets none. */
static bool answer(L4_MsgTag_t tag)
{
    L4_Word_t words[2];
    L4_Fpage_t page;
    L4_Msg_t reply;

    if (L4_UntypedWords(tag) != 2 || L4_TypedWords(tag) != 0)
        return false;
    L4_StoreMRs(1, 2, words);
    if (L4_Label(tag) == ((L4_Word_t)LABEL_RPC & LABEL_MASK))
        page = serve(L4_FpageOf(words[0]));
    else if ((L4_Label(tag) & ~(L4_Word_t)7) == ((L4_Word_t)LABEL_FAULT & LABEL_MASK))
        page = serve(L4_FpageLog2(words[0] & ~(PAGE_SIZE - 1), PAGE_BITS));
    else
        return false;
    if (L4_IsNilFpage(page) && L4_Label(tag) != ((L4_Word_t)LABEL_RPC & LABEL_MASK)) {
        log_kernel_line("sigma0: no page for a fault at %lx, ip %lx", words[0], words[1]);
        return false; /* it would fault again at once, for ever */
    }
    L4_MsgClear(&reply);
    L4_MsgAppendMapItem(&reply, L4_MapItem(page, L4_Address(page)));
    L4_MsgLoad(&reply);
    return true;
}

static _Noreturn void serve_pages(void)
{
    L4_ThreadId_t client;
    L4_MsgTag_t tag = L4_Wait(&client);

    for (;;) {
        if (L4_IpcFailed(tag) || !answer(tag))
            tag = L4_Wait(&client);
        else
            tag = L4_ReplyWait(client, &client);
    }
}

/* root's end is the machine's. */
static void watch_root(void *unused)
{
    (void)unused;
    libos_exit(program_wait("root", &root));
}

int main(void)
{
    static const char *const arguments[] = {"root", NULL};
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e)
        program_fail(STATUS_BOOT, "sigma0", error_text(e));
    uint32_t run = region_longest_run();
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE_ALL,
                              .memory_frames = run - run / KEEP_FRACTION,
                              .cpu = THREAD_CPU_HERE};
    e = program_start(&archive, "root", &args, &root);
    if (e == ERR_OK)
        e = exo_env_privilege(root.env, SLOT_MACHINE);
    if (e == ERR_OK)
        e = thread_run(&watcher, watch_root, NULL, THREAD_CPU_HERE, THREAD_PRIORITY);
    if (e)
        program_fail(STATUS_BOOT, "root", error_text(e));
    serve_pages();
}
