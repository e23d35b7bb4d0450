/* The X.2 sigma0 protocol from a program's side: pages by address, anywhere or by a page fault,
 * each once; the boot archive; what is refused, and no answer to what is no request. */
#include <l4/ipc.h>
#include <l4/kip.h>

#include "libos/book.h"
#include "exo/abi/batch.h"
#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/string.h"
#include "libos/tables.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define WINDOW      0x200000000000ul
#define WINDOW_LOG2 16u /* 64 KiB */
#define SIGMA0_ENV  1u
#define ANYWHERE    (~0x3fful)

static L4_ThreadId_t sigma0;

/* Asks for a page with attributes into a window; the fpage that was mapped, nil, or what went
 * wrong.
 */
static L4_Fpage_t ask_for(L4_Fpage_t wanted, L4_Word_t attributes, L4_Fpage_t window)
{
    L4_Msg_t m;

    L4_Accept(L4_MapGrantItems(window));
    L4_MsgClear(&m);
    L4_Set_MsgLabel(&m, LABEL_SIGMA0 & (((L4_Word_t)1 << 48) - 1));
    L4_MsgAppendWord(&m, wanted.raw);
    L4_MsgAppendWord(&m, attributes);
    L4_MsgLoad(&m);
    L4_MsgTag_t tag = L4_Call(sigma0);
    if (L4_IpcFailed(tag) || L4_TypedWords(tag) != 2 || L4_UntypedWords(tag) != 0)
        return L4_FpageOf(L4_IpcFailed(tag) ? L4_ErrorCode() : tag.raw);
    return L4_FpageOf(L4_Utcb()[2]);
}

static L4_Fpage_t ask(L4_Fpage_t wanted)
{
    return ask_for(wanted, 0, L4_FpageLog2(WINDOW, WINDOW_LOG2));
}

/* Takes what is in the window away again. */
static void clear_window(void)
{
    for (vaddr_t va = WINDOW; va < WINDOW + (1u << WINDOW_LOG2); va += PAGE_SIZE) {
        struct page_entry entry = {va, 0, 0};
        exo_page_unbind(SLOT_ENV, (vaddr_t)&entry, 1);
    }
}

/* A free frame behind one of sigma0's: it takes its own from the front of what it keeps. */
static pfn_t find_kept(void)
{
    bool behind = false;

    for (pfn_t pfn = 0; pfn < KINFO->frame_count; pfn++) {
        if (behind && book_frame(pfn)->type == FRAME_FREE)
            return pfn;
        behind = behind || book_frame(pfn)->owner == SIGMA0_ENV;
    }
    return 0;
}

static void test_pages(void)
{
    volatile uint64_t *word = (volatile uint64_t *)WINDOW;
    L4_Fpage_t page = ask(L4_FpageOf(ANYWHERE | 12u << 4));

    tap_ok(L4_SizeLog2(page) == 12 && L4_Rights(page) == L4_FullyAccessible, "any page");
    uint64_t offset = L4_Address(page) % (1u << WINDOW_LOG2) / sizeof *word;
    tap_is(word[offset], 0, "it is zero");
    word[offset] = 5;
    tap_is(word[offset], 5, "and can be written to");
    clear_window();
    tap_is(ask(page).raw & ~7ul, 0, "it is not given a second time");
    page = ask(L4_FpageOf(ANYWHERE | 14u << 4));
    tap_ok(L4_SizeLog2(page) == 14 && L4_Address(page) % (1u << 14) == 0, "any 16 KiB");
    offset = L4_Address(page) % (1u << WINDOW_LOG2) / sizeof *word;
    word[offset] = word[offset + 3 * 512] = 6;
    tap_ok(word[offset] == 6 && word[offset + 3 * 512] == 6, "all of it is there");
    clear_window();
}

static void test_refusals(void)
{
    L4_Msg_t m;

    tap_is(ask(L4_FpageLog2(0, 12)).raw, 0, "memory that is not sigma0's is refused");
    tap_is(ask(L4_FpageLog2(1ul << 46, 12)).raw, 0, "memory that does not exist is refused");
    tap_is(ask(L4_FpageOf(ANYWHERE | 11u << 4)).raw, 0, "less than a page is refused");
    tap_is(ask(L4_FpageOf(ANYWHERE | 40u << 4)).raw, 0, "more than there is is refused");
    tap_is(ask_for(L4_FpageOf(ANYWHERE | 12u << 4), 1, L4_FpageLog2(WINDOW, WINDOW_LOG2)).raw, 0,
           "attributes that sigma0 cannot give are refused");
    for (unsigned words = 1; words <= 3; words += 2) {
        L4_MsgClear(&m);
        L4_Set_MsgLabel(&m, LABEL_SIGMA0 & (((L4_Word_t)1 << 48) - 1));
        for (unsigned i = 0; i < words; i++)
            L4_MsgAppendWord(&m, ANYWHERE | 12u << 4);
        L4_MsgLoad(&m);
        L4_MsgTag_t tag = L4_Call_Timeouts(sigma0, L4_Never, L4_TimePeriod(20000));
        tap_ok(L4_IpcFailed(tag) && L4_ErrorCode() == 3,
               words == 1 ? "one word is no request: no answer" : "nor are three");
    }
}

/* Who takes no mappings is told of an overflow, and the page is there for the next one. */
static void test_not_taken(void)
{
    pfn_t pfn = find_kept();
    L4_Fpage_t page = L4_FpageLog2((L4_Word_t)pfn << PAGE_BITS, 12);

    tap_is(ask_for(page, 0, L4_Nilpage).raw, 4u << 1 | 1, "a page without a window: overflow");
    tap_is(book_frame(pfn)->type, FRAME_FREE, "sigma0 has it back");
    tap_is(L4_Address(ask(page)), (L4_Word_t)pfn << PAGE_BITS, "it can be asked for again");
    clear_window();
}

/* A program whose pager is sigma0 touches a page that sigma0 kept. */
static void test_fault(void)
{
    pfn_t pfn = find_kept();
    struct raw r;

    tap_is(raw_make(&r, BLOB(load)), ERR_OK, "a program");
    tap_is(exo_env_kmem(r.env, SLOT_MEMORY), ERR_OK, "with memory for page tables");
    raw_mr(&r)[TCR_PAGER] = sigma0.raw;
    *raw_data(&r) = 7;
    raw_start(&r, (vaddr_t)pfn << PAGE_BITS);
    guest_sleep(20000);
    tap_is(*raw_data(&r), 0, "a page fault at sigma0 maps the page at its physical address");
    tap_is(book_frame(pfn)->bindings, 2, "which is sigma0's and the program's");
    raw_destroy(&r);
}

/* The archive as the interface page describes it. */
static void test_archive(void)
{
    const void *kip = (const void *)L4_KIP_WINDOW;
    L4_Word_t low = 0, type = 0;

    for (L4_Word_t i = 0; i < L4_NumMemoryDescriptors(kip); i++) {
        const L4_MemoryDesc_t *m = L4_MemoryDesc(kip, i);
        type = L4_MemoryDescType(m);
        low = L4_MemoryDescLow(m);
    }
    tap_is(type, L4_BootLoaderSpecificMemoryType, "the last memory descriptor is the archive's");
    for (unsigned times = 0; times < 2; times++) {
        L4_Fpage_t page = ask(L4_FpageLog2(low, 12));
        tap_ok(L4_Address(page) == low && L4_Rights(page) == L4_Readable &&
                   !memcmp((const char *)WINDOW + low % (1u << WINDOW_LOG2), "07070", 5),
               "it is given to read");
        clear_window();
    }
}

static void test_named_page(void)
{
    pfn_t pfn = find_kept();
    L4_Fpage_t page = ask(L4_FpageLog2((L4_Word_t)pfn << PAGE_BITS, 12));

    tap_ok(pfn && L4_Address(page) == (L4_Word_t)pfn << PAGE_BITS, "a page by its address");
    tap_is(book_frame(pfn)->bindings, 2, "the book-keeping shows sigma0's binding and ours");
    clear_window();
    tap_is(book_frame(pfn)->bindings, 1, "and that ours is gone");
}

int main(void)
{
    guest_begin();
    sigma0 = L4_GlobalId(L4_ThreadIdUserBase((void *)L4_KIP_WINDOW), 1);
    tap_is(tables_make(WINDOW), ERR_OK, "page tables for the window");
    test_pages();
    test_refusals();
    test_named_page();
    test_not_taken();
    test_fault();
    test_archive();
    return tap_done();
}
