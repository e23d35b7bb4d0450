/* MemoryControl: the attributes of the reference, seen in the page table that the CPU uses. */
#include <l4/ipc.h>
#include <l4/misc.h>
#include <l4/space.h>

#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/tables.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define PAGES 64u
#define BYTES ((vaddr_t)PAGES * PAGE_SIZE)
#define TYPE  ((uint64_t)0x98) /* PAT, PCD, PWT */

/* Attribute and bits: what the processor was told that they mean (decision 33). */
static const struct {
    L4_Word_t attribute;
    uint64_t bits;
    const char *what;
} types[] = {{L4_UncacheableMemory, 0x18, "uncacheable"},
             {L4_WriteCombiningMemory, 0x08, "write-combining"},
             {L4_WriteThroughMemory, 0x98, "write-through"},
             {L4_WriteProtectedMemory, 0x88, "write-protected"},
             {L4_UncacheableWeakMemory, 0x10, "weakly uncacheable"},
             {L4_WriteBackMemory, 0, "write-back"}};

static vaddr_t pages;

static L4_Fpage_t page(unsigned n)
{
    return L4_FpageLog2(pages + n * PAGE_SIZE, 12);
}

static uint64_t bits_of(unsigned n)
{
    return tables_entry(pages + n * PAGE_SIZE) & TYPE;
}

static void refused(L4_Word_t done, L4_Word_t error, const char *what)
{
    L4_Word_t code = L4_ErrorCode();

    if (!tap_ok(!done && code == error, what))
        tap_note("result %lu, error %lu", done, code);
}

static void one_by_one(void)
{
    volatile uint64_t *word = (volatile uint64_t *)pages;

    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        *word = i;
        tap_is(L4_Set_PageAttribute(page(0), types[i].attribute), 1, types[i].what);
        tap_is(bits_of(0), types[i].bits, "the page table has its bits");
        tap_is(*word, i, "what was written is there");
        *word = i + 100;
        tap_is(*word, i + 100, "and it can be written");
    }
    tap_is(bits_of(1), 0, "its neighbour has the default type");
}

static void together(void)
{
    L4_Word_t attributes[4] = {types[0].attribute, types[1].attribute, types[2].attribute,
                               types[3].attribute};
    L4_Fpage_t all[PAGES];
    bool good = true;

    for (unsigned n = 0; n < PAGES; n++) {
        all[n] = page(n);
        all[n].raw |= n % 4;
    }
    tap_is(L4_Set_PagesAttributes(PAGES, all, attributes), 1, "64 fpages with four attributes");
    for (unsigned n = 0; n < PAGES; n++)
        good &= bits_of(n) == types[n % 4].bits;
    tap_ok(good, "each has its own");
    attributes[3] = 3;
    refused(L4_Set_PagesAttributes(PAGES, all, attributes), CALL_ERROR_PARAMETER,
            "an attribute that is none");
    tap_is(bits_of(0), types[0].bits, "changes nothing");
    tap_is(L4_Set_PageAttribute(L4_Fpage(pages, BYTES), L4_DefaultMemory), 1, "all by one fpage");
    good = true;
    for (unsigned n = 0; n < PAGES; n++)
        good &= bits_of(n) == 0;
    tap_ok(good, "they have the default type");
}

int main(void)
{
    guest_begin();
    vm_map(&pages, 2 * BYTES, RIGHT_READ | RIGHT_WRITE);
    pages = (pages + BYTES - 1) & ~(BYTES - 1);
    vm_populate(pages, BYTES);
    refused(L4_Set_PageAttribute(page(0), L4_UncacheableMemory), CALL_ERROR_NO_PRIVILEGE,
            "MemoryControl without privilege");
    tap_is(bits_of(0), 0, "changes nothing");
    tap_is(exo_env_privilege(SLOT_ENV, SLOT_MACHINE), ERR_OK, "privilege");
    one_by_one();
    together();
    return tap_done();
}
