/* execve and execveat: a process takes another program. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/load/exec.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/path.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/aio.h"
#include "libos-posix/process/loan.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/process/timer.h"
#include "libos-posix/base/user.h"
#include "libos-posix/way/way_trampoline.h"

#define STRINGS_MAX    ((size_t)8192) /* in one list */
#define RFLAGS_INITIAL 0x202u

/* A list of strings, copied from the program: one block of pointers, one of text. */
struct copied {
    const char **list;
    char *text;
    size_t count, bytes;
};

static void copied_free(struct heap *h, struct copied *c)
{
    core_heap_free(h, c->list, STRINGS_MAX * sizeof c->list[0]);
    core_heap_free(h, c->text, EXEC_STRINGS_MAX);
}

/* E2BIG, EFAULT, ENOMEM. An address of 0 is an empty list, as in Linux. */
static long copy_list(struct process *p, vaddr_t from, struct copied *c)
{
    struct heap *h = &p->arena->heap;

    *c = (struct copied){.list = core_heap_take(h, STRINGS_MAX * sizeof c->list[0]),
                         .text = core_heap_take(h, EXEC_STRINGS_MAX)};
    if (!c->list || !c->text)
        return -ENOMEM;
    for (vaddr_t at = from; from; at += sizeof(uint64_t)) {
        uint64_t string;
        if (USER_GET(p, &string, at))
            return -EFAULT;
        if (!string)
            break;
        if (c->count == STRINGS_MAX)
            return -E2BIG;
        long n = user_string(p, c->text + c->bytes, EXEC_STRINGS_MAX - c->bytes, string, -E2BIG);
        if (n < 0)
            return n;
        c->list[c->count++] = c->text + c->bytes;
        c->bytes += (size_t)n + 1;
    }
    return 0;
}

/* The other threads end as soon as they leave the core; one that execs goes on as the first. */
static long end_other_threads(struct process *p, struct task *self)
{
    for (struct task *t = p->tasks; t; t = t->next)
        if (t != self) {
            t->ending = true;
            loan_call_in(t);
            task_kick(t);
        }
    while (p->task_count > 1) {
        self->only_end_wakes = true;
        long e = task_sleep(self, &p->tasks, PORT_FOREVER);
        if (e)
            return e;
    }
    self->tid = p->pid;
    return 0;
}

long exec_leave_old(struct process *p, struct exec_program *program)
{
    struct task *t = task_current();
    long e = p->lender ? loan_leave(t, program->node) : end_other_threads(p, t);
    if (e)
        return e;

    program->has_left = true;
    for (unsigned fd = 0; fd < p->descriptor_end; fd++)
        if (p->descriptors[fd].close_on_exec)
            file_close(p, fd);
    for (unsigned i = 0; i < SIGNAL_COUNT; i++)
        if (p->action[i].handler != SIG_IGN)
            p->action[i] = (struct linux_sigaction){.handler = SIG_DFL};
    while (p->timers) {
        struct timer *timer = p->timers;
        p->timers = timer->next;
        core_heap_free(&p->arena->heap, timer, sizeof *timer);
    }
    aio_forget_all(p);
    t->stack = (struct linux_stack){.flags = SS_DISABLE};
    t->clear_tid = t->robust_list = t->fs_base = 0;
    port_set_fs(0);
    p->executed = true;
    return 0;
}

void exec_take_identity(struct process *p, const struct node *n)
{
    const bool counts = !mount_of(n) || !mount_of(n)->no_suid;

    if (counts && n->mode & S_ISUID)
        p->who.euid = n->uid;
    if (counts && n->mode & S_ISGID && n->mode & S_IXGRP)
        p->who.egid = n->gid;
    p->who.suid = p->who.euid;
    p->who.sgid = p->who.egid;
}

/* What the processor's vector registers hold when a program begins (FXSAVE image). */
static void reset_vectors(uint8_t *image)
{
    memset(image, 0, VECTORS_BYTES);
    image[0] = 0x7f; /* x87 control word 0x37f */
    image[1] = 0x03;
    image[24] = 0x80; /* MXCSR 0x1f80 */
    image[25] = 0x1f;
}

static long perform(struct process *p, struct exec_program *program)
{
    struct task *t = task_current();
    struct posix_start start;
    long e = exec_run(p, program, &start);

    if (e && program->has_left) { /* nothing is left to return to */
        process_kill(p, e == -ENOMEM ? SIGKILL : SIGSEGV);
        return e;
    }
    if (e)
        return e;
    process_end_vfork(p);
    *t->regs = (struct posix_regs){
        .rip = start.entry, .rsp = start.stack, .rflags = RFLAGS_INITIAL, .r11 = RFLAGS_INITIAL};
    t->new_program = true;
    if (t->vectors)
        reset_vectors(t->vectors);
    return 0;
}

static long execute(struct process *p, const char *path, vaddr_t argv, vaddr_t envp)
{
    struct copied arguments, environment = {0};
    long e = copy_list(p, argv, &arguments);

    if (!e)
        e = copy_list(p, envp, &environment);
    if (!e && !arguments.count) { /* as Linux does: programs look at argv[0] */
        arguments.text[0] = 0;
        arguments.list[arguments.count++] = arguments.text;
    }
    struct exec_program program = {
        .name = path,
        .arguments = {.rest = arguments.list, .rest_count = arguments.count},
        .environment = {.rest = environment.list, .rest_count = environment.count},
        .replaces = true,
    };
    if (!e)
        e = perform(p, &program);
    copied_free(&p->arena->heap, &arguments);
    copied_free(&p->arena->heap, &environment);
    return e;
}

/* A program that is linked with the core cannot be replaced: the core would go with it. */
static bool can_exec(const struct process *p)
{
    for (const struct area *a = p->areas; a; a = a->next)
        if (a->adopted)
            return false;
    return task_current()->regs != NULL;
}

long call_execve(struct process *p, word_t path, word_t argv, word_t envp)
{
    char *text;

    if (!can_exec(p))
        return -ENOSYS;
    long e = user_path(p, path, &text);
    if (e)
        return e;
    e = execute(p, text, argv, envp);
    user_path_free(p, text);
    return e;
}

/* Relative to a directory, or the file of the descriptor itself: found by its path. */
long call_execveat(struct process *p, word_t fd, word_t path, word_t argv, word_t envp,
                   word_t flags)
{
    char *text;

    if (flags & ~(word_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (!can_exec(p))
        return -ENOSYS;
    long e = user_path(p, path, &text);
    if (e)
        return e;
    if (text[0] == '/' || (int)fd == AT_FDCWD)
        e = execute(p, text, argv, envp);
    else
        e = -ENOSYS;
    user_path_free(p, text);
    return e;
}
