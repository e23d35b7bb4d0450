/* Self-paged memory on the real MMU: what is mapped is zero, keeps what is written, obeys its
 * rights, and comes back when it is unmapped. */
#include "libos/heap.h"
#include "libos/libos.h"
#include "libos/region.h"
#include "libos/string.h"
#include "libos/upcall.h"
#include "libos/vm.h"
#include "tests/qemu/tap.h"

#define RW    (RIGHT_READ | RIGHT_WRITE)
#define PAGES 64u

static vaddr_t resume;
static unsigned refused;

/* Goes on behind the access that try_*() made. */
static bool skip(struct libos_regs *regs)
{
    refused++;
    regs->frame.ip = resume;
    return true;
}

static bool can_write(vaddr_t va)
{
    unsigned before = refused;

    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rax, %0\n\t"
                     "movb $42, (%1)\n"
                     "1:"
                     : "+m"(resume)
                     : "r"(va)
                     : "rax", "memory");
    return refused == before;
}

static bool can_read(vaddr_t va)
{
    unsigned before = refused;

    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rax, %0\n\t"
                     "movb (%1), %%al\n"
                     "1:"
                     : "+m"(resume)
                     : "r"(va)
                     : "rax", "memory");
    return refused == before;
}

static bool all_bytes(vaddr_t va, uint64_t bytes, uint8_t value)
{
    for (uint64_t i = 0; i < bytes; i++)
        if (((const volatile uint8_t *)va)[i] != value)
            return false;
    return true;
}

static void test_mapping(void)
{
    struct vm_info info;
    vaddr_t va = 0, taken;

    tap_is(vm_map(&va, PAGES * PAGE_SIZE, RW), ERR_OK, "map");
    tap_is(vm_query(va, &info), ERR_OK, "query");
    tap_ok(!info.bound, "a page has no frame before its first use");
    tap_ok(all_bytes(va, PAGES * PAGE_SIZE, 0), "fresh memory is zero");
    vm_query(va, &info);
    tap_ok(info.bound && info.accessed && !info.dirty, "reading binds a page and marks it read");
    memset((void *)va, 0x5a, PAGES * PAGE_SIZE);
    tap_ok(all_bytes(va, PAGES * PAGE_SIZE, 0x5a), "memory keeps what was written");
    vm_query(va, &info);
    tap_ok(info.dirty, "writing marks a page written");
    taken = va + PAGE_SIZE;
    tap_is(vm_map(&taken, PAGE_SIZE, RW), ERR_IN_USE, "an address is mapped once");
    taken = 1;
    tap_is(vm_map(&taken, PAGE_SIZE, RW), ERR_BAD_ARG, "an unaligned address is refused");
    taken = VM_HIGH;
    tap_is(vm_map(&taken, PAGE_SIZE, RW), ERR_BAD_ARG, "an address out of range is refused");
    tap_is(vm_unmap(va, PAGES * PAGE_SIZE), ERR_OK, "unmap");
    tap_ok(!can_read(va), "unmapped memory is gone");
    tap_is(vm_query(va, &info), ERR_NOT_BOUND, "and nothing is known of it");
}

static void test_rights(void)
{
    vaddr_t va = 0;

    vm_map(&va, PAGES * PAGE_SIZE, RW);
    memset((void *)va, 7, PAGES * PAGE_SIZE);
    tap_is(vm_protect(va + PAGE_SIZE, PAGE_SIZE, RIGHT_READ), ERR_OK, "protect one page");
    tap_ok(!can_write(va + PAGE_SIZE), "it cannot be written to");
    tap_ok(can_read(va + PAGE_SIZE), "but read");
    tap_ok(can_write(va) && can_write(va + 2 * PAGE_SIZE), "its neighbours can be written to");
    tap_is(vm_protect(va, PAGES * PAGE_SIZE, 0), ERR_OK, "take all rights");
    tap_ok(!can_read(va) && !can_read(va + PAGE_SIZE), "now nothing can be read");
    tap_is(vm_protect(va, PAGES * PAGE_SIZE, RW), ERR_OK, "give them back");
    tap_ok(all_bytes(va + 3 * PAGE_SIZE, PAGE_SIZE, 7), "the contents are still there");
    tap_is(vm_protect(va, (PAGES + 1) * PAGE_SIZE, RW), ERR_NOT_BOUND,
           "a range that is not all mapped is refused");
    vm_unmap(va + PAGE_SIZE, PAGE_SIZE);
    tap_ok(can_read(va) && !can_read(va + PAGE_SIZE) && can_read(va + 2 * PAGE_SIZE),
           "a hole can be made");
    vm_unmap(va, PAGES * PAGE_SIZE);
}

/* More memory in turn than there is at once, and each time clean. */
static void test_reuse(void)
{
    uint32_t frames = region_free_count();
    bool clean = true;
    uint64_t used = 0;

    for (vaddr_t va = 0; used < 2 * (uint64_t)frames; used += 4 * PAGES, va = 0) {
        if (vm_map(&va, 4 * PAGES * PAGE_SIZE, RW)) {
            clean = false;
            break;
        }
        for (unsigned i = 0; i < 4 * PAGES; i++) {
            volatile uint64_t *word = (volatile uint64_t *)(va + i * PAGE_SIZE);
            clean = clean && word[0] == 0 && word[511] == 0;
            word[0] = word[511] = ~(uint64_t)0;
        }
        vm_unmap(va, 4 * PAGES * PAGE_SIZE);
    }
    tap_ok(clean, "memory that comes back is given again, and zero");
}

static void test_heap(void)
{
    uint8_t *blocks[50];
    bool good = true;

    for (unsigned i = 0; i < 50; i++) {
        blocks[i] = heap_alloc(i * i * 300);
        good = good && blocks[i];
        memset(blocks[i], (int)i, i * i * 300);
    }
    for (unsigned i = 0; i < 50; i++)
        good = good && all_bytes((vaddr_t)blocks[i], i * i * 300, (uint8_t)i);
    for (unsigned i = 0; i < 50; i++)
        heap_free(blocks[i]);
    tap_ok(good, "heap blocks keep their contents");
    tap_ok(heap_check() == NULL, "the heap's invariants hold");
}

static void test_populate(void)
{
    struct vm_info info;
    vaddr_t va = 0;
    bool bound = true;

    vm_map(&va, 600 * PAGE_SIZE, RW);
    tap_is(vm_populate(va, 600 * PAGE_SIZE), ERR_OK, "populate more than one page table's pages");
    for (unsigned i = 0; i < 600; i++)
        bound = bound && !vm_query(va + i * PAGE_SIZE, &info) && info.bound;
    tap_ok(bound, "all of them are bound");
    tap_is(vm_populate(va, 601 * PAGE_SIZE), ERR_NOT_BOUND, "beyond the area is refused");
    vm_unmap(va, 600 * PAGE_SIZE);
}

int main(void)
{
    tap_plan(30);
    tap_is(libos_setup(), ERR_OK, "libos_setup");
    libos_segv_hook = skip;
    test_mapping();
    test_rights();
    test_reuse();
    test_heap();
    test_populate();
    return tap_done();
}
