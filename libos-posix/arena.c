/* Making the arena with its first process, and starting the core. */
#include "libos-posix/arena.h"

#include "libos-posix/abi_errno.h"
#include "libos-posix/area.h"
#include "libos-posix/file.h"
#include "libos-posix/mem.h"
#include "libos-posix/node.h"
#include "libos-posix/posix.h"
#include "libos-posix/unpack.h"

#define STACK_LIMIT (8u * 1024 * 1024)

/* What a fresh terminal line of Linux says: CR becomes NL, NL becomes CR NL, lines and echo. */
static const struct linux_termios termios_default = {
    .input = 0x500,  /* ICRNL IXON */
    .output = 0x5,   /* OPOST ONLCR */
    .control = 0xbf, /* B38400 CS8 CREAD */
    .local = 0x8a3b, /* ISIG ICANON ECHO ECHOE ECHOK ECHOCTL ECHOKE IEXTEN */
    .chars = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22},
};

struct process *process_here;

static struct process *process_create(struct arena *a)
{
    struct process *p = core_heap_alloc(&a->heap, sizeof *p);
    if (!p)
        return NULL;

    p->arena = a;
    p->pid = 1;
    p->umask = 022;
    p->cwd = a->root;
    node_hold(a->root);
    p->started_ns = port_monotonic_ns();
    p->signals.stack.flags = SS_DISABLE;
    for (unsigned i = 0; i < RLIMIT_COUNT; i++)
        p->limits[i] = (struct linux_rlimit){RLIM_INFINITY, RLIM_INFINITY};
    p->limits[RLIMIT_NOFILE] = (struct linux_rlimit){DESCRIPTOR_COUNT, DESCRIPTOR_COUNT};
    p->limits[RLIMIT_STACK].current = STACK_LIMIT;
    p->exe = core_heap_alloc(&a->heap, PATH_MAX);
    p->command_line = core_heap_alloc(&a->heap, PAGE_SIZE);
    return p->exe && p->command_line ? p : NULL;
}

struct arena *arena_create(void)
{
    const struct port_layout *l = port_layout();
    vaddr_t heap_low = page_up(l->core_low + sizeof(struct arena));

    if (!port_map(l->core_low, heap_low - l->core_low, RIGHT_READ | RIGHT_WRITE))
        return NULL;
    struct arena *a = (struct arena *)l->core_low;
    core_heap_init(&a->heap, heap_low, l->core_high);
    a->next_inode = 1;
    a->termios = termios_default;
    a->root = node_create(a, S_IFDIR | 0755);
    if (!a->root)
        return NULL;
    a->first = process_here = process_create(a);
    return a->first ? a : NULL;
}

/* Descriptors 0, 1 and 2 are three files, so that errors can go to a stream of their own. Their
 * node has no name, so that nothing in the archive can stand in its way. */
static long open_console(struct process *p)
{
    struct node *n = node_create(p->arena, S_IFCHR | 0620);
    if (!n)
        return -ENOMEM;

    n->major = 5; /* 5:1 is Linux's /dev/console */
    n->minor = 1;
    for (unsigned fd = 0; fd < 3; fd++) {
        struct file *f = file_create(p->arena, FILE_CONSOLE, n, O_RDWR);
        if (!f)
            return -ENOMEM;
        f->is_error_stream = fd == 2;
        file_install(p, f, fd, false);
    }
    return 0;
}

long posix_start(void)
{
    struct arena *a = arena_create();
    if (!a)
        return -ENOMEM;

    size_t bytes;
    const void *archive = port_archive(&bytes);
    long damage = archive ? unpack_archive(a, archive, bytes) : 0;
    if (damage == -ENOMEM)
        return damage;

    long e = device_populate(a);
    if (!e)
        e = proc_populate(a);
    if (!e && !unpack_directory(a, "tmp", 3))
        e = -ENOMEM;
    if (!e)
        e = open_console(a->first);
    return e ? e : damage;
}

long posix_adopt(vaddr_t start, vaddr_t end, rights_t rights)
{
    struct process *p = process_current();

    if (start >= end || start % PAGE_SIZE || end % PAGE_SIZE || !area_is_free(p, start, end))
        return -EINVAL;
    return area_adopt(p, start, end, rights);
}
