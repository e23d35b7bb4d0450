/* The way of programs that are linked with the core. */
#include "libos-posix/way/way_libos.h"

#include "libos-posix/abi/process.h"
#include "libos-posix/base/area.h"
#include "libos-posix/abi/errno.h"
#include "libos-posix/load/elf.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/signal.h"

#define NR_ARCH_PRCTL 158

/* The program's own ELF header, which the linker puts at the start of its first segment. */
extern const struct elf_header __ehdr_start __attribute__((visibility("hidden")));

static bool started;

/* The program may use its own image, each segment with the rights it was linked with. */
static long adopt_image(void)
{
    const struct elf_header *h = &__ehdr_start;
    const struct elf_program_header *p = (const void *)((vaddr_t)h + h->segments);
    vaddr_t bias = 0, done = 0;
    long e = 0;

    for (unsigned i = 0; i < h->segment_count; i++)
        if (p[i].type == ELF_LOAD && p[i].offset == 0)
            bias = (vaddr_t)h - p[i].va;
    for (unsigned i = 0; i < h->segment_count && !e; i++) {
        if (p[i].type != ELF_LOAD || !p[i].memory_bytes)
            continue;
        vaddr_t start = (p[i].va + bias) & ~(PAGE_SIZE - 1);
        vaddr_t end = page_up(p[i].va + bias + p[i].memory_bytes);
        if (start < done)
            start = done; /* the page that two segments share */
        done = end;
        if (start < end)
            e = posix_adopt(start, end,
                            RIGHT_READ | (p[i].flags & ELF_WRITE ? RIGHT_WRITE : 0) |
                                (p[i].flags & ELF_EXEC ? RIGHT_EXEC : 0));
    }
    return e;
}

/* The first call of the program starts the core. A damaged archive is no reason to stop here: the
 * program will miss its files. */
static void start(void)
{
    vaddr_t low, high;

    started = true;
    long e = posix_start();
    if (e && e != -EINVAL)
        port_exit(127);
    port_stack_get(&low, &high);
    if (adopt_image() || posix_adopt(low, high, RIGHT_READ | RIGHT_WRITE))
        port_exit(127);
}

/* siginfo_t and ucontext_t as a handler may look at them. The program counter is 0, since no
 * instruction was interrupted: the signal comes between two. */
struct handler_view {
    struct linux_siginfo info;
    struct {
        uint64_t flags, link;
        struct linux_stack stack;
        uint64_t registers[23], vectors, reserved[8];
        uint64_t mask;
        uint64_t room[15 + 64]; /* the rest of musl's sigset_t, and of its ucontext_t */
    } context;
};

static void run_handler(const struct posix_signal *s)
{
    struct handler_view view;

    memset(&view, 0, sizeof view);
    view.info = s->info;
    view.context.stack = s->stack;
    view.context.mask = s->old_mask;
    void (*handler)(int, void *, void *) = (void (*)(int, void *, void *))s->action.handler;
    handler((int)s->number, &view.info, &view.context);
    posix_signal_done(view.context.mask);
}

/* Runs what is due. True: every handler lets an interrupted call begin again. */
static __attribute__((noinline)) bool run_handlers(long result)
{
    struct posix_signal signal;
    bool any = false, restarts = true;

    while (posix_signal_take(&signal)) {
        any = true;
        restarts &= (signal.action.flags & SA_RESTART) != 0;
        run_handler(&signal);
    }
    return !any || (restarts && result == -RESTART);
}

long libos_syscall_own(long number, long a1, long a2, long a3, long a4, long a5, long a6)
{
    if (!started)
        start();
    for (;;) {
        long result = posix_syscall(number, a1, a2, a3, a4, a5, a6);
        bool again = true;
        if (signal_is_due(task_current()))
            again = run_handlers(result);
        if (!is_restart(result))
            return result;
        if (!again)
            return -EINTR;
    }
}

long libos_set_fs(void *base)
{
    return libos_syscall(NR_ARCH_PRCTL, ARCH_SET_FS, (long)base, 0, 0, 0, 0);
}
