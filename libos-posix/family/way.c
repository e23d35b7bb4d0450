/* Registers between upcalls and the core, in a family. */
#include "libos-posix/family/way.h"

#include "libos-posix/way/fault.h"
#include "libos-posix/family/member.h"
#include "libos-posix/family/patch.h"
#include "libos-posix/family/space.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/posix.h"
#include "libos-posix/way/quick.h"
#include "libos-posix/process/signal.h"
#include "libos/book.h"
#include "libos/log.h"

#define FLAG_DIRECTION 0x400u
#define FLAGS_BEGIN    0x202u
#define CODE_FIRST     1 /* FPE_INTDIV and its kin; posix_fault_repair knows those of page faults */
#define STATE_BYTES    1024u /* at the top of a stack for the core: a program's registers */
_Static_assert(sizeof(struct way_start) <= FAMILY_START_BYTES, "the keeper hands it over");

static void save(struct posix_regs *to, const struct libos_regs *r)
{
    *to = (struct posix_regs){
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rdi = r->rdi,
        .rsi = r->rsi,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .rdx = r->rdx,
        .rax = r->rax,
        .rcx = r->rcx,
        .rsp = r->frame.sp,
        .rip = r->frame.ip,
        .rflags = r->frame.flags,
    };
}

static void load(struct libos_regs *to, const struct posix_regs *r)
{
    to->r8 = r->r8;
    to->r9 = r->r9;
    to->r10 = r->r10;
    to->r11 = r->r11;
    to->r12 = r->r12;
    to->r13 = r->r13;
    to->r14 = r->r14;
    to->r15 = r->r15;
    to->rdi = r->rdi;
    to->rsi = r->rsi;
    to->rbp = r->rbp;
    to->rbx = r->rbx;
    to->rdx = r->rdx;
    to->rax = r->rax;
    to->rcx = r->rcx;
    to->frame.sp = r->rsp;
    to->frame.ip = r->rip;
    to->frame.flags = r->rflags;
}

/* Those that the entry of a handler changes, and a call that begins again. */
static void load_changed(struct libos_regs *to, const struct posix_regs *r)
{
    to->rax = r->rax;
    to->rdi = r->rdi;
    to->rsi = r->rsi;
    to->rdx = r->rdx;
    to->frame.sp = r->rsp;
    to->frame.ip = r->rip;
}

/* The entries of libos keep the vector registers below what they hand over. */
static uint8_t *vectors_of(const struct libos_regs *r)
{
    return (uint8_t *)(((vaddr_t)r - VECTORS_BYTES) & ~(vaddr_t)15);
}

/* `syscall` leaves flags and return address in two registers. Nearly every call changes but these
 * and its result. */
static void on_call(struct libos_regs *r)
{
    struct posix_regs regs;

    if (FAMILY->low_page && !patch_arrive(r)) {
        way_fault(r, vectors_of(r));
        return;
    }
    r->rcx = r->frame.ip;
    r->r11 = r->frame.flags;
    if (posix_trampoline_wants(r->rax)) {
        save(&regs, r);
        posix_trampoline(&regs, vectors_of(r));
    } else {
        r->rax = (word_t)posix_syscall((long)r->rax, (long)r->rdi, (long)r->rsi, (long)r->rdx,
                                       (long)r->r10, (long)r->r8, (long)r->r9);
        way_after(r, NULL);
        return;
    }
    load(r, &regs);
}

void way_after(struct libos_regs *r, uint8_t *vectors)
{
    struct posix_regs regs;

    (void)vectors; /* no handler is told of them behind a call */
    const bool woken = member_was_woken();
    if (woken)
        posix_interrupt();
    if (!woken && !signal_is_due(task_current()) && !is_restart((long)r->rax))
        return;
    save(&regs, r);
    posix_trampoline_signal(&regs);
    load_changed(r, &regs);
}

/* Signals of a program that was interrupted between two instructions. */
static void settle(struct libos_regs *r, uint8_t *vectors)
{
    struct posix_regs regs;

    save(&regs, r);
    posix_trampoline_interrupt(&regs, vectors);
    load_changed(r, &regs);
}

void way_return(struct libos_regs *r, uint8_t *vectors)
{
    struct posix_regs regs;

    regs.rsp = r->frame.sp;
    posix_trampoline_return(&regs, vectors);
    load(r, &regs);
}

static vaddr_t stack_top(void)
{
    return (vaddr_t)cpu_utcb_mr() - UTCB_MR + BLOCK_BYTES;
}

/* A handler is not where the core may run: its stack is for handlers alone, and while events are
 * masked a task that sleeps would not hear of one. So the thread goes on at `entry`, on the stack
 * for the core, which is empty as long as the program runs. */
static void go_on_at(void (*entry)(void), struct libos_regs *r)
{
    struct libos_regs *kept = (struct libos_regs *)(stack_top() - STATE_BYTES);

    *kept = *r;
    r->frame.ip = (vaddr_t)entry;
    r->frame.sp = (vaddr_t)kept;
    r->frame.flags &= ~(uint64_t)FLAG_DIRECTION;
}

static void on_interrupt(struct libos_regs *r)
{
    go_on_at(way_interrupt_entry, r);
}

void way_interrupt(struct libos_regs *r, uint8_t *vectors)
{
    member_was_woken();
    posix_interrupt();
    settle(r, vectors);
}

static rights_t need_of(const struct upcall_frame *f)
{
    return f->error & CPU_FAULT_WRITE  ? RIGHT_WRITE
           : f->error & CPU_FAULT_EXEC ? RIGHT_EXEC
                                       : RIGHT_READ;
}

static bool is_exhausted(const struct upcall_frame *f)
{
    return f->vector == CPU_VECTOR_PAGE_FAULT && space_is_exhausted(f->address, need_of(f));
}

/* What nobody repaired. In the core itself a fault is an error of ours, which libos reports with
 * all registers. */
static bool on_fault(struct libos_regs *r)
{
    if (FAMILY->low_page && patch_repair(r))
        return true;
    if (is_exhausted(&r->frame)) {
        log_kernel_line("posix: a process is ended: no memory is left");
        member_abort();
    }
    if (r->frame.ip - FAMILY_SHARED < USER_TOP - FAMILY_SHARED)
        return false;
    go_on_at(way_fault_entry, r);
    return true;
}

void way_fault(struct libos_regs *r, uint8_t *vectors)
{
    const bool page = r->frame.vector == CPU_VECTOR_PAGE_FAULT;
    struct posix_fault fault = {
        .number = fault_signal(r->frame.vector),
        .code = CODE_FIRST,
        .address = page ? r->frame.address : r->frame.ip,
        .trap = r->frame.vector,
        .error = r->frame.error,
    };

    if (page && posix_fault_repair(&fault))
        return;
    if (task_current()->process->action[fault.number - 1].handler == SIG_DFL)
        log_kernel_line("posix: the program is ended by signal %u: exception %lu (error %lx) at "
                        "%lx, address %lx",
                        fault.number, r->frame.vector, r->frame.error, r->frame.ip,
                        r->frame.address);
    posix_fault(&fault);
    settle(r, vectors);
}

void way_begin_quick(void)
{
    member_place()->sled = (vaddr_t)patch_enter;
    quick_set(port_self());
}

void way_begin(void)
{
    member_begin();
    way_begin_quick();
    upcall_set_syscall(on_call, stack_top());
    if (!FAMILY->low_page) /* else patching begins in on_call */
        book_utcb()->entry[UPCALL_SYSCALL] = (vaddr_t)way_reflected;
    if (libos_segv_hook != on_fault) { /* the first thread of the first process */
        libos_segv_hook = on_fault;
        member_interrupt = on_interrupt;
    }
}

void way_begin_thread(void *data)
{
    const struct way_start *start = data;
    struct libos_regs regs = {.frame = {.vector = 0}};

    way_begin();
    cpu_set_fs(start->fs_base);
    load(&regs, &start->regs);
    regs.frame.flags = FLAGS_BEGIN;
    upcall_resume(&regs);
}

_Noreturn void way_go_on(const struct posix_regs *regs, const uint8_t *vectors)
{
    struct libos_regs all = {.frame = {.vector = 0}};

    load(&all, regs);
    book_utcb()->stack[UPCALL_CLASS_SYSCALL] = stack_top(); /* the core is not come back to */
    way_load(&all, vectors);
}
