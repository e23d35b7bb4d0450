/* The trampoline way over libos: registers between upcall and core, and faults of the program. */
#include "libos-posix/reflect.h"

#include "libos-posix/fault.h"
#include "libos-posix/signal.h"
#include "libos-posix/way_trampoline.h"
#include "libos/libos.h"
#include "libos/upcall.h"
#include "libos/vm.h"

#define STACK_BYTES ((uint64_t)128 * 1024) /* of the core; calls do not nest in each other */

static void save(struct posix_regs *to, const struct libos_regs *r)
{
    *to = (struct posix_regs){
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->frame.flags, /* `syscall` leaves flags and return address in these two */
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
        .rcx = r->frame.ip,
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

/* Nearly every call changes but three registers; all are handed on when a signal is delivered, or
 * its handler has returned. */
static void on_call(struct libos_regs *r)
{
    struct posix_regs regs;
    if (!posix_trampoline_wants(r->rax)) {
        r->rax = (word_t)posix_syscall((long)r->rax, (long)r->rdi, (long)r->rsi, (long)r->rdx,
                                       (long)r->r10, (long)r->r8, (long)r->r9);
        r->rcx = r->frame.ip;
        r->r11 = r->frame.flags;
        if (!signal_is_due(task_current()))
            return;
        save(&regs, r);
        posix_trampoline_signal(&regs);
    } else {
        save(&regs, r);
        posix_trampoline(&regs, NULL);
    }
    load(r, &regs);
}

static bool is_own_code(vaddr_t ip)
{
    return ip >= START->image_low && ip < START->image_high;
}

/* What nobody repaired. In the core itself it is an error of ours, which libos reports with all
 * registers. */
static bool on_fault(struct libos_regs *r)
{
    if (is_own_code(r->frame.ip) && !fault_is_exhausted(&r->frame))
        return false;
    fault_end(&r->frame);
}

enum err reflect_init(void)
{
    vaddr_t low = 0;
    enum err e = vm_map(&low, STACK_BYTES, RIGHT_READ | RIGHT_WRITE);

    if (e == ERR_OK)
        e = vm_protect(low, PAGE_SIZE, 0); /* a call that needs more shall fault */
    if (e)
        return e;
    upcall_set_syscall(on_call, low + STACK_BYTES);
    syscall_light_set(reflect_ask);
    libos_segv_hook = on_fault;
    return ERR_OK;
}
