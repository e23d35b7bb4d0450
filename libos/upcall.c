/* Stacks and hooks of upcalls. */
#include "libos/upcall.h"

#include "libos/book.h"
#include "libos/exit.h"
#include "libos/log.h"

#define FAULT_STACK_BYTES 16384u
#define EVENT_STACK_BYTES 16384u
#define FAULT_LEVEL       12288u /* of it, for the handler; below that one of a fault inside it */
#define STATUS_SEGV       (128 + 11)

/* Where in a thread's UTCB page its hooks of events are, in bytes; before them lie the words that
 * upcall.S goes back by. */
#define UTCB_HOOKS (UTCB_LIBRARY + 16 * UPCALL_CLASS_COUNT)
#define HOOKS      (UPCALL_RECLAIMED - UPCALL_NOTIFY + 1)
_Static_assert(UTCB_HOOKS + HOOKS * sizeof(upcall_event_fn) <= EXIT_OFFSET, "the page is used");

/* upcall.S */
#pragma GCC visibility push(hidden)
void libos_upcall_fault(void);
void libos_upcall_exception(void);
void libos_upcall_syscall(void);
void libos_upcall_notify(void);
void libos_upcall_slice_begin(void);
void libos_upcall_slice_end(void);
void libos_upcall_revoke(void);
void libos_upcall_reclaimed(void);

bool libos_clear(void *at, uint64_t words);
extern char libos_clear_at[], libos_clear_end[];

/* Called by upcall.S, which knows no event of number 0: it means those that are pending. */
void libos_fault(struct libos_regs *regs, enum upcall kind);
void libos_event(struct libos_regs *regs, enum upcall kind);
#pragma GCC visibility pop

static void (*const entries[UPCALL_COUNT])(void) = {
    [UPCALL_FAULT] = libos_upcall_fault,
    [UPCALL_EXCEPTION] = libos_upcall_exception,
    [UPCALL_SYSCALL] = libos_upcall_syscall,
    [UPCALL_NOTIFY] = libos_upcall_notify,
    [UPCALL_SLICE_BEGIN] = libos_upcall_slice_begin,
    [UPCALL_SLICE_END] = libos_upcall_slice_end,
    [UPCALL_REVOKE] = libos_upcall_revoke,
    [UPCALL_RECLAIMED] = libos_upcall_reclaimed,
};

static uint8_t fault_stack[FAULT_STACK_BYTES] __attribute__((aligned(16)));
static uint8_t event_stack[EVENT_STACK_BYTES] __attribute__((aligned(16)));

upcall_fault_fn libos_fault_hook;
upcall_fault_fn libos_segv_hook;
upcall_syscall_fn libos_syscall_hook;

static upcall_event_fn *event_hook(enum upcall kind)
{
    vaddr_t page = (vaddr_t)book_utcb() - UTCB_EXO;

    return (upcall_event_fn *)(page + UTCB_HOOKS) + (kind - UPCALL_NOTIFY);
}

void upcall_init_stacks(vaddr_t fault, vaddr_t event)
{
    struct utcb_exo *u = book_utcb();

    u->stack[UPCALL_CLASS_FAULT] = fault;
    u->stack[UPCALL_CLASS_EVENT] = event;
    u->entry[UPCALL_FAULT] = (vaddr_t)entries[UPCALL_FAULT];
    u->entry[UPCALL_EXCEPTION] = (vaddr_t)entries[UPCALL_EXCEPTION];
    u->mask &= ~(1u << UPCALL_CLASS_FAULT);
}

void upcall_init(void)
{
    upcall_init_stacks((vaddr_t)fault_stack + sizeof fault_stack,
                       (vaddr_t)event_stack + sizeof event_stack);
}

void upcall_set_event(enum upcall kind, upcall_event_fn hook)
{
    struct utcb_exo *u = book_utcb();

    if (kind < UPCALL_NOTIFY || kind > UPCALL_RECLAIMED)
        return;
    *event_hook(kind) = hook;
    u->entry[kind] = hook && u->stack[UPCALL_CLASS_EVENT] ? (vaddr_t)entries[kind] : 0;
}

void upcall_set_syscall(upcall_syscall_fn hook, vaddr_t stack)
{
    struct utcb_exo *u = book_utcb();

    libos_syscall_hook = hook;
    u->stack[UPCALL_CLASS_SYSCALL] = stack;
    u->entry[UPCALL_SYSCALL] = hook ? (vaddr_t)entries[UPCALL_SYSCALL] : 0;
}

/* The highest event that is pending, which is not any more afterwards; 0: none is. */
static enum upcall take_pending(void)
{
    volatile uint64_t *pending = &book_utcb()->pending;
    uint64_t events = *pending & UPCALL_EVENTS;

    if (!events)
        return 0;
    enum upcall kind = (enum upcall)(63 - __builtin_clzll(events));
    __atomic_fetch_and(pending, ~((uint64_t)1 << kind), __ATOMIC_RELAXED);
    return kind;
}

void libos_event(struct libos_regs *regs, enum upcall kind)
{
    for (kind = kind ? kind : take_pending(); kind; kind = take_pending()) {
        upcall_event_fn hook = *event_hook(kind);
        regs->frame.vector = kind;
        if (hook)
            hook(regs);
    }
}

void upcall_print_regs(const struct libos_regs *r)
{
    const struct upcall_frame *f = &r->frame;

    log_kernel_line("fault: vector %lu error %lx address %lx", f->vector, f->error, f->address);
    log_kernel_line("  rip %016lx rsp %016lx flags %lx", f->ip, f->sp, f->flags);
    log_kernel_line("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx,
                    r->rdx);
    log_kernel_line("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
    log_kernel_line("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
    log_kernel_line("  r13 %016lx r14 %016lx r15 %016lx", r->r13, r->r14, r->r15);
}

bool upcall_clear(void *at, uint64_t words)
{
    volatile struct utcb_exo *u = book_utcb();
    const vaddr_t stack = u->stack[UPCALL_CLASS_FAULT];
    const bool inside = u->mask & 1u << UPCALL_CLASS_FAULT;

    if (inside) { /* the handler's frame is on its stack by now, so the class can be used again */
        u->stack[UPCALL_CLASS_FAULT] = stack - FAULT_LEVEL;
        u->mask &= ~(1u << UPCALL_CLASS_FAULT);
    }
    bool done = libos_clear(at, words);
    if (inside) {
        u->mask |= 1u << UPCALL_CLASS_FAULT;
        u->stack[UPCALL_CLASS_FAULT] = stack;
    }
    return done;
}

void libos_fault(struct libos_regs *regs, enum upcall kind)
{
    if (kind == UPCALL_FAULT && regs->frame.ip == (vaddr_t)libos_clear_at) {
        regs->frame.ip = (vaddr_t)libos_clear_end;
        return;
    }
    if (kind == UPCALL_FAULT && libos_fault_hook && libos_fault_hook(regs))
        return;
    if (libos_segv_hook && libos_segv_hook(regs))
        return;
    upcall_print_regs(regs);
    libos_exit(STATUS_SEGV);
}
