/*
 * A library OS to start from: the whole system that runs in its environment. It decides what lies
 * at its own addresses: here a table of squares, of which each page is computed when it is first
 * touched.
 *
 * What the library offers is in the headers of libos/; what the kernel offers, in
 * exo/abi/syscalls.def.
 */
#include "libos/error.h"
#include "libos/exit.h"
#include "libos/frames.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/upcall.h"
#include "libos/vm.h"

#define TABLE   ((uint64_t *)0x200000000000)
#define PAGES   16u
#define IN_PAGE (PAGE_SIZE / sizeof(uint64_t))
#define ENTRIES (PAGES * IN_PAGE)

static unsigned computed;

/* The kernel calls this program at its own page faults; what is not the table's ends it. */
static bool on_fault(struct libos_regs *regs)
{
    vaddr_t page = regs->frame.address & ~(PAGE_SIZE - 1);

    if (page - (vaddr_t)TABLE >= PAGES * PAGE_SIZE)
        return false;
    if (vm_map(&page, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE) || vm_populate(page, PAGE_SIZE))
        return false;
    uint64_t *entry = (uint64_t *)page, number = (uint64_t)(entry - TABLE);
    for (unsigned i = 0; i < IN_PAGE; i++, number++)
        entry[i] = number * number;
    computed++;
    return true;
}

int main(int argc, char **argv)
{
    enum err e = libos_setup();

    if (e) {
        log_error_line("app: %s", error_text(e));
        return 1;
    }
    libos_segv_hook = on_fault;
    for (int i = 1; i < argc; i++)
        log_line("word %d: %s", i, argv[i]);
    log_line("%lu squared is %lu", ENTRIES - 1, TABLE[ENTRIES - 1]);
    log_line("%u squared is %lu", 12u, TABLE[12]);
    log_line("%u pages of %u were computed", computed, PAGES);
    return 0;
}
