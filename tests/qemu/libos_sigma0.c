/* The X.2 sigma0 protocol from a program's side: pages by address or anywhere, each once; no answer
 * to what is no request. */
#include <l4/ipc.h>
#include <l4/kip.h>

#include "libos/book.h"
#include "exo/abi/batch.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/tables.h"
#include "libos/vm.h"
#include "tests/qemu/tap.h"

#define WINDOW       0x200000000000ul
#define WINDOW_LOG2  16u /* 64 KiB */
#define SIGMA0_ENV   1u
#define LABEL_SIGMA0 (-6l * 16)
#define ANYWHERE     (~0x3fful)

static L4_ThreadId_t sigma0;

/* Asks for a page into the window; the fpage that was mapped, or nil. */
static L4_Fpage_t ask(L4_Fpage_t wanted)
{
    L4_Msg_t m;

    L4_Accept(L4_MapGrantItems(L4_FpageLog2(WINDOW, WINDOW_LOG2)));
    L4_MsgClear(&m);
    L4_Set_MsgLabel(&m, (L4_Word_t)LABEL_SIGMA0);
    L4_MsgAppendWord(&m, wanted.raw);
    L4_MsgAppendWord(&m, 0);
    L4_MsgLoad(&m);
    L4_MsgTag_t tag = L4_Call(sigma0);
    if (L4_IpcFailed(tag) || L4_TypedWords(tag) != 2 || L4_UntypedWords(tag) != 0)
        return L4_FpageOf(L4_IpcFailed(tag) ? L4_ErrorCode() : tag.raw);
    return L4_FpageOf(L4_Utcb()[2]);
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
    L4_MsgClear(&m);
    L4_Set_MsgLabel(&m, (L4_Word_t)LABEL_SIGMA0);
    L4_MsgAppendWord(&m, ANYWHERE | 12u << 4);
    L4_MsgLoad(&m);
    L4_MsgTag_t tag = L4_Call_Timeouts(sigma0, L4_Never, L4_TimePeriod(20000));
    tap_ok(L4_IpcFailed(tag) && L4_ErrorCode() == 3, "one word is no request: no answer");
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
    tap_plan(16);
    tap_is(libos_setup(), ERR_OK, "libos_setup");
    sigma0 = L4_GlobalId(L4_ThreadIdUserBase((void *)L4_KIP_WINDOW), 1);
    tap_is(tables_make(WINDOW), ERR_OK, "page tables for the window");
    test_pages();
    test_refusals();
    test_named_page();
    return tap_done();
}
