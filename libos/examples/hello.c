/*
 * The smallest complete library operating system: it pages itself, has a heap, prints, and ends.
 *
 * Read it from the bottom up. All that it takes from libos are the calls (libos/call.h), the
 * first instruction (crt0.S), and the assembly around the fault handler (upcall.S); with that
 * assembly and its layout it has fewer than 500 lines, which tests/host/test_libos_hello.c checks.
 */
#include "exo/abi/batch.h"
#include "exo/abi/boot.h"
#include "exo/abi/cap.h"
#include "exo/abi/utcb.h"
#include "libos/call.h"

#define CONSOLE_PORT 1u
#define HEAP_LOW     ((vaddr_t)0x10000000000)
#define HEAP_BYTES   ((uint64_t)4 << 20)
#define HEAP_FRAMES  (uint32_t)(HEAP_BYTES / PAGE_SIZE)
#define SLOT_PAGES   SLOT_FREE /* where the frames of the heap are */

/* ---- Printing: a string or a number, straight to the serial port. ---- */

static void print(const char *text)
{
    uint32_t length = 0;

    while (text[length])
        length++;
    exo_console_write(SLOT_CONSOLE, CONSOLE_PORT, (vaddr_t)text, length);
}

static void print_number(uint64_t value, unsigned base)
{
    char digits[24];
    unsigned at = sizeof digits - 1;

    digits[at] = '\0';
    do
        digits[--at] = "0123456789abcdef"[value % base];
    while (value /= base);
    print(digits + at);
}

/* ---- Ending: a starter that gave us no power over the machine watches our environment. ---- */

static _Noreturn void end(uint32_t status)
{
    struct page_entry utcb = {START_UTCB, 0, 0};

    exo_machine_off(SLOT_MACHINE, status);
    for (;;)
        exo_page_unbind(SLOT_ENV, (vaddr_t)&utcb, 1);
}

static _Noreturn void fail(const char *what, uint64_t value)
{
    print("hello: ");
    print(what);
    print(" 0x");
    print_number(value, 16);
    print("\n");
    end(1);
}

/* ---- Paging: the heap's pages get frames when they are first touched. ---- */

static pfn_t first_frame;
static uint32_t frames_used;
static uint64_t faults;

/* Page tables are ours to supply, too: 4 KiB pages hang in three levels below the top one. */
static void make_tables(vaddr_t va)
{
    for (uint32_t level = 3; level > 0; level--) {
        enum err e = exo_table_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, va, level);
        if (e != ERR_OK && e != ERR_IN_USE)
            fail("no page table: error", e);
    }
}

/* Called by upcall.S at a page fault; when it returns, the instruction runs again. */
void libos_fault(struct libos_regs *regs, enum upcall kind);
void libos_fault(struct libos_regs *regs, enum upcall kind)
{
    vaddr_t va = regs->frame.address & ~(PAGE_SIZE - 1);

    if (kind != UPCALL_FAULT || va - HEAP_LOW >= HEAP_BYTES)
        fail("a fault that is not the heap's, at", regs->frame.ip);
    if (frames_used == HEAP_FRAMES)
        fail("out of frames, at", regs->frame.ip);
    struct page_entry page = {va, first_frame + frames_used, RIGHT_READ | RIGHT_WRITE};
    enum err e = exo_page_bind(SLOT_ENV, SLOT_PAGES, (vaddr_t)&page, 1);
    if (e == ERR_NO_TABLE) {
        make_tables(va);
        e = exo_page_bind(SLOT_ENV, SLOT_PAGES, (vaddr_t)&page, 1);
    }
    if (e != ERR_OK)
        fail("no page: error", e);
    frames_used++;
    faults++;
}

/* upcall.S wants these two names as well; without an entry in the UTCB they are never called. */
void libos_event(struct libos_regs *regs, enum upcall kind);
void libos_event(struct libos_regs *regs, enum upcall kind)
{
    (void)regs, (void)kind;
}

extern void (*libos_syscall_hook)(struct libos_regs *regs);
void (*libos_syscall_hook)(struct libos_regs *regs);

void libos_upcall_fault(void); /* upcall.S */
static uint8_t fault_stack[8192] __attribute__((aligned(16)));

/* From here on faults are ours. Their frames: one capability for all of them. */
static void paging_begin(void)
{
    struct utcb_exo *utcb = (struct utcb_exo *)(START_UTCB + UTCB_EXO);
    word_t first;
    enum err e = exo_frames_alloc_get(SLOT_MEMORY, PFN_ANY, HEAP_FRAMES, SLOT_PAGES, &first);

    if (e != ERR_OK)
        fail("no memory: error", e);
    first_frame = (pfn_t)first;
    utcb->stack[UPCALL_CLASS_FAULT] = (vaddr_t)fault_stack + sizeof fault_stack;
    utcb->entry[UPCALL_FAULT] = (vaddr_t)libos_upcall_fault;
    utcb->entry[UPCALL_EXCEPTION] = (vaddr_t)libos_upcall_fault;
}

/* ---- The heap: first fit in a list of free pieces, which grows at the end. ---- */

struct piece {
    uint64_t bytes; /* behind this header */
    struct piece *next;
};

static struct piece *free_pieces;
static vaddr_t heap_end = HEAP_LOW;

static void *heap_take(uint64_t bytes)
{
    bytes = (bytes + 15) & ~(uint64_t)15;
    for (struct piece **p = &free_pieces; *p; p = &(*p)->next)
        if ((*p)->bytes >= bytes) {
            struct piece *found = *p;
            *p = found->next;
            return found + 1;
        }
    if (bytes + sizeof(struct piece) > HEAP_LOW + HEAP_BYTES - heap_end)
        fail("the heap is full at", heap_end);
    struct piece *piece = (struct piece *)heap_end; /* touching it is what maps it */
    heap_end += sizeof *piece + bytes;
    piece->bytes = bytes;
    return piece + 1;
}

static void heap_give(void *block)
{
    struct piece *piece = (struct piece *)block - 1;

    piece->next = free_pieces;
    free_pieces = piece;
}

/* ---- The program. ---- */

#define NUMBERS 100000u

static uint64_t sum_on_heap(void)
{
    uint64_t *numbers = heap_take(NUMBERS * sizeof *numbers), sum = 0;

    for (uint64_t i = 0; i < NUMBERS; i++) {
        if (numbers[i])
            fail("fresh memory is not zero at", (vaddr_t)&numbers[i]);
        numbers[i] = i;
    }
    for (uint64_t i = 0; i < NUMBERS; i++)
        sum += numbers[i];
    heap_give(numbers);
    return sum;
}

/* crt0.S comes here with the start page (exo/abi/boot.h). */
_Noreturn void libos_start(const struct startinfo *start);
_Noreturn void libos_start(const struct startinfo *start)
{
    print("Hello from a library operating system: thread ");
    print_number(start->thread_id >> 32, 10);
    print(", image at 0x");
    print_number(start->image_low, 16);
    print(".\n");
    paging_begin();
    print("Sum of the numbers below 100000: ");
    print_number(sum_on_heap(), 10);
    print(", by way of ");
    print_number(faults, 10);
    print(" page faults of my own.\n");
    end(0);
}
