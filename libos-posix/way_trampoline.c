/* The way of unmodified programs: registers in, registers out, and signal frames. */
#include "libos-posix/way_trampoline.h"

#include "libos-posix/abi_errno.h"
#include "libos-posix/abi_process.h"
#include "libos-posix/mem.h"
#include "libos-posix/posix.h"
#include "libos-posix/signal.h"
#include "libos-posix/user.h"

#define SA_ONSTACK     0x08000000u
#define RED_ZONE_BYTES 128u
#define SI_TKILL       (-6)
#define RFLAGS_USER    0xcd5u /* carry to direction and overflow: what a program may set */
#define RFLAGS_ALWAYS  0x202u /* bit 1, and interrupts on */
#define SEGMENTS       0x002b000000000033u /* user %ss and %cs as programs on Linux see them */

/* What Linux puts on a handler's stack (x86-64 struct rt_sigframe). */
struct signal_frame {
    uint64_t restorer; /* where the handler returns to */
    uint64_t flags, link;
    struct linux_stack stack;
    struct posix_regs regs;
    uint64_t segments, error, trap, old_mask, fault_address, vectors, reserved[8];
    uint64_t mask;
    struct {
        int32_t number, error, code, pad, pid, uid;
        uint8_t rest[104];
    } info;
};
_Static_assert(offsetof(struct signal_frame, regs) == 48, "mcontext of x86-64");
_Static_assert(offsetof(struct signal_frame, mask) == 304, "ucontext of x86-64");
_Static_assert(sizeof(struct signal_frame) == 440, "rt_sigframe of x86-64");

static bool is_on(const struct linux_stack *s, vaddr_t at)
{
    return !(s->flags & SS_DISABLE) && at - s->base < s->bytes;
}

/* Where the frame goes: such that (address + 8) is a multiple of 16 when the handler begins. */
static vaddr_t frame_place(const struct posix_regs *regs, const struct posix_signal *s)
{
    vaddr_t top = regs->rsp - RED_ZONE_BYTES;
    bool alternate = (s->action.flags & SA_ONSTACK) && !(s->stack.flags & SS_DISABLE);

    if (alternate && !is_on(&s->stack, regs->rsp))
        top = s->stack.base + s->stack.bytes;
    return ((top - sizeof(struct signal_frame)) & ~(vaddr_t)15) - 8;
}

/* A program whose stack cannot take the frame is ended as by SIGSEGV. */
static void deliver(struct process *p, struct posix_regs *regs, const struct posix_signal *s)
{
    struct signal_frame frame = {
        .restorer = s->action.restorer,
        .stack = s->stack,
        .regs = *regs,
        .segments = SEGMENTS,
        .mask = s->old_mask,
    };
    vaddr_t at = frame_place(regs, s);

    frame.info.number = (int32_t)s->number;
    frame.info.code = SI_TKILL;
    frame.info.pid = p->pid;
    if (USER_PUT(p, at, &frame))
        port_exit(128 + (int)SIGSEGV);
    regs->rsp = at;
    regs->rip = s->action.handler;
    regs->rdi = s->number;
    regs->rsi = at + offsetof(struct signal_frame, info);
    regs->rdx = at + offsetof(struct signal_frame, flags);
    regs->rax = 0;
}

/* The handler's return took the restorer's address, so the rest begins at %rsp. */
void posix_trampoline_return(struct posix_regs *regs)
{
    struct signal_frame frame;

    if (USER_GET(process_current(), &frame, regs->rsp - offsetof(struct signal_frame, flags)))
        port_exit(128 + (int)SIGSEGV);
    *regs = frame.regs;
    regs->rflags = (regs->rflags & RFLAGS_USER) | RFLAGS_ALWAYS;
    posix_signal_done(frame.mask);
}

void posix_trampoline_signal(struct posix_regs *regs)
{
    struct posix_signal signal;

    if (posix_signal_take(&signal))
        deliver(process_current(), regs, &signal);
}

void posix_trampoline(struct posix_regs *r)
{
    if (r->rax == POSIX_SIGRETURN)
        posix_trampoline_return(r);
    else
        r->rax = (word_t)posix_syscall((long)r->rax, (long)r->rdi, (long)r->rsi, (long)r->rdx,
                                       (long)r->r10, (long)r->r8, (long)r->r9);
    posix_trampoline_signal(r);
}
