/* The port to Linux: tasks as threads, processes by fork, an arena that they share. */
#include <asm/unistd.h>

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/arena.h"
#include "libos-posix/hosted/host.h"
#include "libos-posix/port_lend.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/task.h"

#define WAKE_SIGNAL 10 /* SIGUSR1 */

/* Of Linux itself; its headers and the core's have the same names for other things. */
#define MAP_NORESERVE  0x4000u
#define ANY_BITS       (-1)
#define POLLIN_EVENT   1
#define CLONE_FAMILY   0x00008000 /* CLONE_PARENT */
#define CLONE_TOGETHER 0x00050f00 /* VM, FS, FILES, SIGHAND, THREAD, SYSVSEM */

static struct host_thread alone; /* of the first thread, until it has a stack */

static struct host_thread *thread_self(void)
{
    struct host_thread *self;

    __asm__ volatile("rdgsbase %0" : "=r"(self));
    return self;
}

static void thread_set(struct host_thread *self)
{
    __asm__ volatile("wrgsbase %0" : : "r"(self) : "memory");
}

struct host_thread *host_stack_create(void)
{
    long at =
        LINUX(mmap, 0, HOST_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    return at > 0 ? (struct host_thread *)at : NULL;
}

struct task *port_self(void)
{
    const struct host_thread *self = thread_self();
    return self ? self->task : NULL;
}

void port_set_self(struct task *task)
{
    if (!thread_self())
        thread_set(&alone);
    thread_self()->task = task;
    task->port.words[HOST_WORD_PROCESS] = (uint64_t)LINUX(getpid);
    task->port.words[HOST_WORD_THREAD] = (uint64_t)LINUX(gettid);
}

void host_begin(struct host_thread *self, struct task *task)
{
    thread_set(self);
    port_set_self(task);
}

static uint32_t *semaphore(struct task *t)
{
    return (uint32_t *)&t->port.words[HOST_WORD_RAISED];
}

void port_sleep(uint64_t deadline_ns, bool console)
{
    uint32_t *word = semaphore(port_self());
    struct linux_pollfd in = {.fd = 0, .events = POLLIN_EVENT};
    struct linux_timespec t = {(int64_t)(deadline_ns / NS_PER_SECOND),
                               (int64_t)(deadline_ns % NS_PER_SECOND)};

    if (console && !host_has_keeper) {
        uint64_t now = port_monotonic_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
        t = clock_split(left);
        LINUX(ppoll, &in, 1, deadline_ns == PORT_FOREVER ? NULL : &t, 0, 8);
        return;
    }
    /* WAIT_BITSET takes a moment of the monotonic clock. */
    if (!__atomic_load_n(word, __ATOMIC_SEQ_CST))
        LINUX(futex, word, FUTEX_WAIT_BITSET, 0, deadline_ns == PORT_FOREVER ? NULL : &t, 0,
              ANY_BITS);
    __atomic_store_n(word, 0, __ATOMIC_SEQ_CST);
}

/* The signal is blocked while the thread is in the core, so it comes when that is left. */
void port_wake(struct task *task)
{
    uint32_t *word = semaphore(task);

    __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
    LINUX(futex, word, FUTEX_WAKE, 1);
    if (task->port.words[HOST_WORD_THREAD])
        LINUX(tgkill, task->port.words[HOST_WORD_PROCESS], task->port.words[HOST_WORD_THREAD],
              WAKE_SIGNAL);
}

vaddr_t port_door(void)
{
    return 0;
}

const void *port_vdso(void)
{
    return NULL;
}

bool port_has_keeper(void)
{
    return host_has_keeper;
}

/* The whole range is mapped at the first call; Linux gives pages when they are touched. */
bool port_core_extend(vaddr_t va, size_t bytes)
{
    const struct port_layout *l = port_layout();
    size_t all = l->core_high - l->core_low;

    if (va != l->core_low)
        return va + bytes <= l->core_high;
    long fd = LINUX(memfd_create, "arena", 0);
    if (fd < 0 || LINUX(ftruncate, fd, all))
        return false;
    bool done = LINUX(mmap, va, all, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd) == (long)va;
    LINUX(dup2, fd, HOST_ARENA_FD);
    LINUX(close, fd);
    return done;
}

bool port_show(vaddr_t va, const void *core, size_t bytes, rights_t rights)
{
    unsigned protection = (rights & RIGHT_READ ? PROT_READ : 0) |
                          (rights & RIGHT_WRITE ? PROT_WRITE : 0) |
                          (rights & RIGHT_EXEC ? PROT_EXEC : 0);

    return LINUX(mmap, va, bytes, protection, MAP_SHARED | MAP_FIXED_NOREPLACE, HOST_ARENA_FD,
                 (vaddr_t)core - port_layout()->core_low) == (long)va;
}

long port_fork(struct task *child, const void *program)
{
    (void)program;                                   /* nobody lends */
    long pid = LINUX(clone, CLONE_FAMILY | SIGCHLD); /* the keeper's child: it hears of the end */

    if (pid < 0)
        return pid;
    if (pid > 0)
        return 1;
    port_set_self(child);
    host_catch(thread_self());
    return 0;
}

/* What a new thread does first, on its stack for the core. */
_Noreturn void host_thread_main(struct host_thread *self);
_Noreturn void host_thread_main(struct host_thread *self)
{
    host_begin(self, self->task);
    host_catch(self);
    port_set_fs(self->fs_base);
    host_enter(self, &self->regs);
}

/* clone by hand: the child has nothing on its stack to return by. */
static long thread_clone(struct host_thread *self)
{
    register long tid_to __asm__("r10") = 0;
    long top = (long)self + (long)HOST_THREAD_BYTES - 64, result;

    __asm__ volatile("syscall\n"
                     "test %%rax, %%rax\n"
                     "jnz 1f\n"
                     "mov %%rbx, %%rdi\n"
                     "xor %%ebp, %%ebp\n"
                     "call host_thread_main\n"
                     "1:\n"
                     : "=a"(result)
                     : "a"(__NR_clone), "D"((long)CLONE_TOGETHER), "S"(top), "d"(0L), "b"(self),
                       "r"(tid_to)
                     : "rcx", "r11", "memory");
    return result;
}

long port_thread_start(struct task *task, const struct posix_regs *regs, vaddr_t fs_base)
{
    struct host_thread *self = host_stack_create();
    if (!self)
        return -ENOMEM;

    self->task = task;
    self->regs = *regs;
    self->fs_base = fs_base;
    long tid = thread_clone(self);
    if (tid < 0) {
        LINUX(munmap, self, HOST_STACK_BYTES);
        return tid;
    }
    return 0;
}

/* The stack that this runs on stays; development does not make threads by the million. */
_Noreturn void port_thread_end(void)
{
    for (;;)
        LINUX(exit, 0);
}

_Noreturn void port_process_end(void)
{
    for (;;)
        LINUX(exit_group, 0);
}

struct task *host_task_of(long pid)
{
    const struct arena *a = arena_get();

    for (unsigned i = 1; i < TASK_COUNT && a->tasks[i]; i++)
        if (a->tasks[i]->process && a->tasks[i]->port.words[HOST_WORD_PROCESS] == (uint64_t)pid)
            return a->tasks[i];
    return NULL;
}
