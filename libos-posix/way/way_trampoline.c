/* The way of unmodified programs: registers in, registers out, and signal frames. */
#include "libos-posix/way/way_trampoline.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/abi/process.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/base/user.h"

#define RED_ZONE_BYTES 128u
#define RFLAGS_USER    0xcd5u /* carry to direction and overflow: what a program may set */
#define RFLAGS_ALWAYS  0x202u /* bit 1, and interrupts on */
#define SEGMENTS       0x002b000000000033u /* user %ss and %cs as programs on Linux see them */
#define SYSCALL_BYTES  2u                  /* length of the instruction */
#define MXCSR_AT       24u                 /* in the image of the vector registers */
#define MXCSR_BITS     0xffffu

/* What Linux puts on a handler's stack (x86-64 struct rt_sigframe). */
struct signal_frame {
    uint64_t restorer; /* where the handler returns to */
    uint64_t flags, link;
    struct linux_stack stack;
    struct posix_regs regs;
    uint64_t segments, error, trap, old_mask, fault_address, vectors, reserved[8];
    uint64_t mask;
    struct linux_siginfo info;
};
_Static_assert(offsetof(struct signal_frame, regs) == 48, "mcontext of x86-64");
_Static_assert(offsetof(struct signal_frame, mask) == 304, "ucontext of x86-64");
_Static_assert(sizeof(struct signal_frame) == 440, "rt_sigframe of x86-64");

static bool is_on(const struct linux_stack *s, vaddr_t at)
{
    return !(s->flags & SS_DISABLE) && at - s->base < s->bytes;
}

/* Where the frame goes: such that (address + 8) is a multiple of 16 when the handler begins; and
 * above it, at a multiple of 64, the vector registers, where the way has them. */
static vaddr_t frame_place(const struct posix_regs *regs, const struct posix_signal *s,
                           const uint8_t *vectors, vaddr_t *vectors_at)
{
    vaddr_t top = regs->rsp - RED_ZONE_BYTES;
    bool alternate = (s->action.flags & SA_ONSTACK) && !(s->stack.flags & SS_DISABLE);

    if (alternate && !is_on(&s->stack, regs->rsp))
        top = s->stack.base + s->stack.bytes;
    *vectors_at = 0;
    if (vectors)
        top = *vectors_at = (top - VECTORS_BYTES) & ~(vaddr_t)63;
    return ((top - sizeof(struct signal_frame)) & ~(vaddr_t)15) - 8;
}

/* Writes the frame and the image of the vector registers. False: the stack cannot take them. */
static bool frame_put(struct task *t, vaddr_t at, const struct posix_regs *regs,
                      const struct posix_signal *s, vaddr_t vectors_at)
{
    struct signal_frame *frame = user_place(t->process, at, sizeof *frame, RIGHT_WRITE);

    if (!frame || (vectors_at && user_write(t->process, vectors_at, t->vectors, VECTORS_BYTES)))
        return false;
    frame->restorer = s->action.restorer;
    frame->flags = frame->link = 0;
    frame->stack = s->stack;
    frame->regs = *regs;
    frame->segments = SEGMENTS;
    frame->error = s->error;
    frame->trap = s->trap;
    frame->old_mask = frame->mask = s->old_mask;
    frame->fault_address = s->address;
    frame->vectors = vectors_at;
    for (unsigned i = 0; i < sizeof frame->reserved / sizeof *frame->reserved; i += 2)
        frame->reserved[i] = frame->reserved[i + 1] = 0;
    frame->info = s->info;
    return true;
}

/* A program whose stack cannot take the frame is ended as by SIGSEGV. Pre: the caller has the lock.
 */
static void deliver(struct task *t, struct posix_regs *regs, const struct posix_signal *s)
{
    vaddr_t vectors_at, at = frame_place(regs, s, t->vectors, &vectors_at);

    if (!frame_put(t, at, regs, s, vectors_at)) {
        process_kill(t->process, (int)SIGSEGV);
        signal_settle(t);
    }
    regs->rsp = at;
    regs->rip = s->action.handler;
    regs->rdi = s->number;
    regs->rsi = at + offsetof(struct signal_frame, info);
    regs->rdx = at + offsetof(struct signal_frame, flags);
    regs->rax = 0;
}

/* The image a handler leaves goes into the processor: bits that would fault there are cleared. */
static long load_vectors(struct task *t, vaddr_t from)
{
    uint32_t control;
    long e = user_read(t->process, t->vectors, from, VECTORS_BYTES);

    memcpy(&control, t->vectors + MXCSR_AT, sizeof control);
    control &= MXCSR_BITS;
    memcpy(t->vectors + MXCSR_AT, &control, sizeof control);
    return e;
}

/* Makes the registers what they were before a handler. Its return took the restorer's address, so
 * the rest of the frame begins at %rsp. */
static void give_back(struct task *t, struct posix_regs *regs)
{
    const vaddr_t at = regs->rsp - offsetof(struct signal_frame, flags);

    lock_take_of(t->process->arena, t);
    const struct signal_frame *frame = user_place(t->process, at, sizeof *frame, RIGHT_READ);
    vaddr_t vectors = frame ? frame->vectors : 0;
    if (!frame || (vectors && t->vectors && load_vectors(t, vectors))) {
        process_kill(t->process, (int)SIGSEGV);
        signal_settle(t); /* and does not return */
    } else {
        *regs = frame->regs;
        signal_block(t, frame->mask);
    }
    lock_release_of(t->process->arena, t);
    regs->rflags = (regs->rflags & RFLAGS_USER) | RFLAGS_ALWAYS;
}

/* What an interrupted call comes to: it is performed again, or fails with EINTR. */
static void settle_restart(struct task *t, struct posix_regs *regs, const struct posix_signal *s)
{
    long result = (long)regs->rax;

    if (!is_restart(result))
        return;
    if (s && (result != -RESTART || !(s->action.flags & SA_RESTART))) {
        regs->rax = (word_t)-EINTR;
        return;
    }
    regs->rax = (word_t)t->call;
    regs->rip -= SYSCALL_BYTES;
}

static void take_signal(struct posix_regs *regs, bool after_call)
{
    struct task *t = task_current();
    struct posix_signal signal;
    bool due = false;

    if (signal_is_due(t)) {
        lock_take_of(t->process->arena, t);
        due = signal_deliver(t, &signal);
        if (due) {
            if (after_call)
                settle_restart(t, regs, &signal);
            deliver(t, regs, &signal);
        }
        lock_release_of(t->process->arena, t);
    }
    if (after_call && !due)
        settle_restart(t, regs, NULL);
}

void posix_trampoline_signal(struct posix_regs *regs)
{
    take_signal(regs, true);
}

void posix_trampoline_interrupt(struct posix_regs *regs, uint8_t *vectors)
{
    task_current()->vectors = vectors;
    take_signal(regs, false);
    task_current()->vectors = NULL;
}

/* The task may be another by then: fork has made it. */
static void leave(struct posix_regs *regs, bool after_call)
{
    take_signal(regs, after_call);
    struct task *t = task_current();
    t->regs = NULL;
    t->vectors = NULL;
}

void posix_trampoline_go_on(struct posix_regs *regs, uint8_t *vectors)
{
    struct task *t = task_current();

    t->regs = regs;
    t->vectors = vectors;
    leave(regs, true);
}

bool posix_trampoline_wants(word_t number)
{
#define WANTED(n) [n] = true,
    static const bool wanted[] = {POSIX_ALL_REGISTERS(WANTED)};
#undef WANTED

    return number < sizeof wanted && wanted[number];
}

void posix_trampoline_return(struct posix_regs *regs, uint8_t *vectors)
{
    struct task *t = task_current();

    t->regs = regs;
    t->vectors = vectors;
    give_back(t, regs);
    leave(regs, false);
}

void posix_trampoline(struct posix_regs *r, uint8_t *vectors)
{
    struct task *t = task_current();

    if (r->rax == POSIX_SIGRETURN) {
        posix_trampoline_return(r, vectors);
        return;
    }
    t->regs = r;
    t->vectors = vectors;
    long result = posix_syscall((long)r->rax, (long)r->rdi, (long)r->rsi, (long)r->rdx,
                                (long)r->r10, (long)r->r8, (long)r->r9);
    t = task_current(); /* fork has made it another */
    if (!t->new_program)
        r->rax = (word_t)result;
    t->new_program = false;
    leave(r, true);
}
