/* Making the arena with its first process, and starting the core. */
#include "libos-posix/base/arena.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/file/file.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/task.h"
#include "libos-posix/channel/terminal.h"
#include "libos-posix/file/unpack.h"

struct arena *arena_create(void)
{
    const struct port_layout *l = port_layout();
    vaddr_t heap_low = page_up(l->core_low + sizeof(struct arena));

    if (!port_core_extend(l->core_low, PORT_CORE_STEP))
        return NULL;
    struct arena *a = arena_get();
    core_heap_init(&a->heap, heap_low, l->core_low + PORT_CORE_STEP, l->core_high);
    task_restore_sleepers(a);
    a->next_inode = 1;
    a->last_pid = 1;
    memcpy(a->host_name, "exo4", 5);
    memcpy(a->domain_name, "(none)", 7);
    a->root = node_create(a, S_IFDIR | 0755);
    struct task *keeper = core_heap_alloc(&a->heap, sizeof *keeper);
    if (!a->root || !keeper)
        return NULL;
    a->tasks[0] = keeper;
    a->terminal = terminal_create(a);
    a->first = a->terminal ? process_create(a, NULL, false) : NULL;
    return a->first && task_create(a, a->first, a->first->pid) ? a : NULL;
}
_Static_assert(sizeof(struct arena) < PORT_CORE_STEP, "the arena fits the first piece of memory");

/* Descriptors 0, 1 and 2 are three files, so that errors can go to a stream of their own. Their
 * node has no name, so that nothing in the archive can stand in its way. */
static long open_console(struct process *p)
{
    struct node *n = node_create(p->arena, S_IFCHR | 0620);
    if (!n)
        return -ENOMEM;

    p->arena->terminal->session = p->session; /* as if the first process had opened it */
    p->arena->terminal->foreground = p->group;
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
    port_set_self(a->tasks[port_has_keeper() ? 0 : 1]);

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
    struct task *t = task_current();
    struct process *p = t->process;

    lock_take(t);
    long e = -EINVAL;
    if (start < end && !(start % PAGE_SIZE) && !(end % PAGE_SIZE) && area_is_free(p, start, end))
        e = area_adopt(p, start, end, rights);
    lock_release(t);
    return e;
}

struct task *posix_first_task(void)
{
    return arena_get()->tasks[1];
}

struct task *posix_keeper_task(void)
{
    return arena_get()->tasks[0];
}
