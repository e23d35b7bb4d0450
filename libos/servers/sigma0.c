/*
 * sigma0: the first program. It starts root with most of the memory and all devices, or an L4 root
 * task (exec-l4) with nothing but kernel memory, and then gives pages of what it kept to whoever
 * asks by the X.2 sigma0 protocol: by IPC with a request, or by a page fault. It maps each page at
 * its physical address, and gives each away once; what could not be mapped, because the asker took
 * none, can be asked for again. The boot archive it gives to everybody, to read. I/O ports are
 * asked for in the same way, of it or of its second thread, sigma1. What is no request gets no
 * answer.
 */
#include <l4/arch.h>
#include <l4/ipc.h>
#include <l4/sigma0.h>

#include "exo/abi/kinfo.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/exit.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/servers/kept.h"
#include "libos/servers/l4_root.h"
#include "libos/servers/ports.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "libos/vm.h"

#define STATUS_USAGE       64
#define STATUS_BOOT        65
#define PRIORITY           255u
#define SIGMA1_NUMBER      (THREAD_FIRST + 1)
#define KEEP_FRACTION      8u /* sigma0 keeps one part of so many of the memory, for L4 tasks */
#define LABEL_RPC          (-6l * 16)
#define LABEL_FAULT        (-2l * 16)
#define LABEL_PORT_FAULT   (-8l * 16)
#define LABEL_MASK         (((L4_Word_t)1 << 48) - 1)
#define ATTRIBUTES_DEFAULT 0
#define ANY_BASE           (~(L4_Word_t)0x3ff)
#define ERROR_IN_RECEIVE   1u  /* bit of ErrorCode: the answer had arrived */
#define LOG2_MAX           30u /* a request for more than 1 GiB is refused */

_Static_assert(L4_KIP_WINDOW == WINDOW_KIP, "the kernel's window shows the interface page");

static struct archive archive;
static struct spawn_child root;
static struct l4_root l4_root; /* instead, for exec-l4: its thread_id is not 0 */
static struct thread watcher, sigma1;

/* Pages of memory in an answer that is not yet known to have arrived. */
static struct {
    slot_t slot; /* SLOT_NONE: they were kept */
    pfn_t pfn;
    uint32_t count; /* 0: none */
} given;

static pfn_t archive_first;
static uint32_t archive_count; /* frames of it that are shown at their physical address */

/* Pages that nobody has got are free again. */
static void take_back(void)
{
    if (given.count && given.slot == SLOT_NONE)
        kept_give_back(given.pfn, given.count);
    if (!given.count || given.slot == SLOT_NONE)
        return;
    vm_unmap((vaddr_t)given.pfn << PAGE_BITS, given.count * PAGE_SIZE);
    region_give_frames(given.slot, given.pfn, given.count);
    given.count = 0;
}

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
    given.slot = slot;
    given.pfn = pfn;
    given.count = count;
    if (e)
        take_back();
    return e == ERR_OK;
}

static bool take_kept(pfn_t pfn, uint32_t count, L4_Word_t *rights)
{
    rights_t had;

    if (!kept_take(pfn, count, &had))
        return false;
    *rights = had & RIGHT_EXEC ? L4_FullyAccessible : L4_ReadWriteOnly;
    given.slot = SLOT_NONE;
    given.pfn = pfn;
    given.count = count;
    return true;
}

/* Are the frames the archive's, and here to be mapped? */
static bool show_archive(pfn_t pfn, uint32_t count)
{
    return pfn >= archive_first && pfn - archive_first < archive_count &&
           count <= archive_count - (pfn - archive_first) &&
           vm_populate((vaddr_t)pfn << PAGE_BITS, count * PAGE_SIZE) == ERR_OK;
}

/* The fpage to give for a request, or nil. */
static L4_Fpage_t serve(L4_Fpage_t wanted, L4_Word_t attributes)
{
    unsigned log2 = (unsigned)L4_SizeLog2(wanted);
    L4_Word_t rights = L4_FullyAccessible;
    pfn_t pfn;

    if (log2 < PAGE_BITS || log2 > LOG2_MAX || attributes != ATTRIBUTES_DEFAULT)
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
    if (show_archive(pfn, count))
        rights = L4_Readable;
    else if (!take_kept(pfn, count, &rights) && !take_pages(pfn, count))
        return L4_Nilpage;
    return L4_FpageAddRights(L4_FpageLog2((L4_Word_t)pfn << PAGE_BITS, log2), rights);
}

static bool is_label(L4_MsgTag_t tag, long label)
{
    return (L4_Label(tag) & ~(L4_Word_t)15) == ((L4_Word_t)label & LABEL_MASK);
}

/* What a fault is about that cannot be answered: it would come again at once, for ever. The L4 root
 * task's end is the machine's. */
static void refuse_fault(L4_ThreadId_t client, const char *what, L4_Word_t at, L4_Word_t ip)
{
    log_kernel_line("sigma0: no %s for a fault at %lx, ip %lx", what, at, ip);
    if (client.raw != l4_root.thread_id)
        return;
    log_error_line("exo4: the root task faults at %lx, ip %lx: there is no such %s", at, ip, what);
    libos_exit(STATUS_FAULT);
}

static void put_item(L4_Fpage_t fpage, L4_Word_t base)
{
    L4_Msg_t reply;

    L4_MsgClear(&reply);
    L4_MsgAppendMapItem(&reply, L4_MapItem(fpage, base));
    L4_MsgLoad(&reply);
}

/* The answer about ports, in the message registers. False: there is none. */
static bool answer_ports(L4_ThreadId_t client, L4_MsgTag_t tag, const L4_Word_t words[2])
{
    const L4_Fpage_t page = ports_serve(client, L4_FpageOf(words[0]));

    if (L4_IsNilFpage(page) && is_label(tag, LABEL_PORT_FAULT)) {
        refuse_fault(client, "I/O port", L4_IoFpagePort(L4_FpageOf(words[0])), words[1]);
        return false;
    }
    put_item(page, L4_IsNilFpage(page) ? 0 : L4_IoFpagePort(page));
    return true;
}

static bool is_about_ports(L4_MsgTag_t tag, const L4_Word_t words[2])
{
    return L4_IsIoFpage(L4_FpageOf(words[0])) &&
           (is_label(tag, LABEL_PORT_FAULT) || is_label(tag, LABEL_RPC));
}

/* The extended protocol: only the root task's first thread may end the machine. */
static void answer_extension(L4_ThreadId_t client, const L4_Word_t words[2])
{
    if (client.raw == l4_root.thread_id && words[0] == L4_SIGMA0_EXT_POWER_OFF)
        libos_exit((int)(words[1] & 255));
}

/* Puts the answer to the message in the message registers. False: it gets none. */
static bool answer(L4_ThreadId_t client, L4_MsgTag_t tag)
{
    L4_Word_t words[2];
    L4_Fpage_t page;

    if (L4_UntypedWords(tag) != 2 || L4_TypedWords(tag) != 0)
        return false;
    L4_StoreMRs(1, 2, words);
    if (is_about_ports(tag, words))
        return answer_ports(client, tag, words);
    if (L4_Label(tag) == ((L4_Word_t)LABEL_RPC & LABEL_MASK)) {
        page = serve(L4_FpageOf(words[0]), words[1]);
    } else if (is_label(tag, LABEL_FAULT)) {
        page = serve(L4_FpageLog2(words[0] & ~(PAGE_SIZE - 1), PAGE_BITS), ATTRIBUTES_DEFAULT);
        if (L4_IsNilFpage(page)) {
            refuse_fault(client, "memory", words[0], words[1]);
            return false;
        }
    } else {
        if (L4_Label(tag) == (L4_SIGMA0_EXT_LABEL & LABEL_MASK))
            answer_extension(client, words);
        return false;
    }
    put_item(page, L4_Address(page));
    return true;
}

/* sigma1: ports only. */
static void serve_ports(void *unused)
{
    L4_ThreadId_t client;
    L4_Word_t words[2];
    L4_MsgTag_t tag = L4_Wait(&client);

    (void)unused;
    for (;;) {
        bool asks = L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == 2 && !L4_TypedWords(tag);
        if (asks)
            L4_StoreMRs(1, 2, words);
        if (asks && is_about_ports(tag, words) && answer_ports(client, tag, words))
            tag = L4_ReplyWait(client, &client);
        else
            tag = L4_Wait(&client);
    }
}

static _Noreturn void serve_pages(void)
{
    L4_ThreadId_t client;
    L4_MsgTag_t tag = L4_Wait(&client);

    for (;;) {
        if (L4_IpcFailed(tag) && !(L4_ErrorCode() & ERROR_IN_RECEIVE))
            take_back();
        given.count = 0;
        if (L4_IpcFailed(tag) || !answer(client, tag))
            tag = L4_Wait(&client);
        else
            tag = L4_ReplyWait(client, &client);
    }
}

/* Shows the boot archive at its physical address, if there is room; it is bound when asked for. */
static void show_archive_begin(void)
{
    const volatile struct cap *cap = slot_cap(SLOT_ARCHIVE);
    vaddr_t va = cap ? (vaddr_t)cap->base << PAGE_BITS : 0;

    if (!va || vm_map_frames(SLOT_ARCHIVE, cap->base, cap->count, &va, RIGHT_READ))
        return;
    archive_first = cap->base;
    archive_count = cap->count;
}

/* Device memory that the kernel gave: a display's. */
static void show_devices(void)
{
    for (slot_t slot = SLOT_FREE; slot < CAPS_PER_FRAME; slot++) {
        const volatile struct cap *c = slot_cap(slot);
        if (c && c->kind == CAP_WINDOW)
            kept_add(slot, c->base, c->count, RIGHT_READ | RIGHT_WRITE);
    }
}

/* root's end is the machine's. */
static void watch_root(void *unused)
{
    (void)unused;
    if (!l4_root.thread_id)
        libos_exit(program_wait("root", &root));
    l4_root_wait(&l4_root);
    libos_exit(STATUS_FAULT);
}

static void start_root(void)
{
    static const char *const arguments[] = {"root", NULL};
    const struct region_run run = region_longest();
    const uint32_t kept = (run.end - run.first) / KEEP_FRACTION;
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE_ALL,
                              .memory_frames = run.end - run.first - kept,
                              .memory_first = run.first + kept,
                              .cpu = THREAD_CPU_HERE,
                              .number = L4_ROOT_NUMBER};
    enum err e = program_start(&archive, "root", &args, &root);

    if (e == ERR_OK)
        e = exo_env_privilege(root.env, SLOT_MACHINE);
    if (e)
        program_fail(STATUS_BOOT, "root", error_text(e));
}

int main(void)
{
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e == ERR_OK)
        e = thread_run_number(&sigma1, serve_ports, NULL, THREAD_CPU_HERE, PRIORITY, SIGMA1_NUMBER);
    if (e)
        program_fail(STATUS_BOOT, "sigma0", error_text(e));
    show_archive_begin();
    show_devices();
    if (l4_root_is_wanted()) {
        const char *why = l4_root_start(&archive, &l4_root);
        if (why)
            program_fail(STATUS_USAGE, "the root task", why);
    } else {
        start_root();
    }
    e = thread_run(&watcher, watch_root, NULL, THREAD_CPU_HERE, THREAD_PRIORITY);
    if (e)
        program_fail(STATUS_BOOT, "root", error_text(e));
    serve_pages();
}
