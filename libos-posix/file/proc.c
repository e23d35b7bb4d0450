/* The few files of /proc that programs ask for and that can be answered truthfully. */
#include "libos-posix/file/proc.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/io.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/path.h"
#include "libos-posix/process/process.h"
#include "libos-posix/base/text.h"
#include "libos-posix/file/unpack.h"

static const struct proc_file {
    const char *directory, *name;
    uint32_t mode;
    enum made_up text;
} proc_files[] = {
    {"proc", "self", S_IFLNK | 0777, MADE_SELF},
    {"proc", "meminfo", S_IFREG | 0444, MADE_MEMINFO},
    {"proc", "uptime", S_IFREG | 0444, MADE_UPTIME},
    {"proc", "mounts", S_IFREG | 0444, MADE_MOUNTS},
    {"proc", "loadavg", S_IFREG | 0444, MADE_LOADAVG},
    {"proc", "version", S_IFREG | 0444, MADE_VERSION},
    {"proc", "cpuinfo", S_IFREG | 0444, MADE_CPUINFO},
    {"proc", "stat", S_IFREG | 0444, MADE_SYSTEM_STAT},
    {"proc/net", "unix", S_IFREG | 0444, MADE_NET_UNIX},
    {"proc/net", "tcp", S_IFREG | 0444, MADE_NET_TCP},
    {"proc/net", "tcp6", S_IFREG | 0444, MADE_NET_TCP6},
    {"proc/net", "udp", S_IFREG | 0444, MADE_NET_UDP},
    {"proc/net", "udp6", S_IFREG | 0444, MADE_NET_UDP6},
    {"proc/net", "raw", S_IFREG | 0444, MADE_NET_RAW},
    {"proc/net", "raw6", S_IFREG | 0444, MADE_NET_RAW6},
    {"proc/net", "dev", S_IFREG | 0444, MADE_NET_DEV},
    {"proc/net", "route", S_IFREG | 0444, MADE_NET_ROUTE},
    {"proc/net", "if_inet6", S_IFREG | 0444, MADE_NET_ADDRESSES},
    {"proc/sys/kernel", "pid_max", S_IFREG | 0444, MADE_PID_MAX},
    {"proc/sys/net/core", "somaxconn", S_IFREG | 0444, MADE_SOMAXCONN},
    {"proc/sys/vm", "overcommit_memory", S_IFREG | 0444, MADE_OVERCOMMIT},
    {"dev", "fd", S_IFLNK | 0777, MADE_OWN_FILES},
    {"proc/sys/kernel", "hostname", S_IFREG | 0444, MADE_HOST_NAME},
    {"sys/devices/system/cpu", "online", S_IFREG | 0444, MADE_PROCESSORS},
    {"sys/devices/system/cpu", "possible", S_IFREG | 0444, MADE_PROCESSORS},
    {"sys/devices/system/cpu", "present", S_IFREG | 0444, MADE_PROCESSORS},
};

/* Texts that never change. */
static const struct fixed_file {
    const char *directory, *name, *text;
} fixed_files[] = {
    {"proc", "filesystems", "nodev\trootfs\n\text2\n\text3\n\text4\n"},
    {"proc/sys/kernel", "ostype", "Linux\n"},
    {"proc/sys/kernel", "osrelease", "6.1.0-exo4\n"},
    {"proc/sys/kernel", "ngroups_max", "32\n"},
    {"proc/sys/kernel", "cap_last_cap", "40\n"},
    {"proc/sys/fs", "nr_open", "1024\n"},
    {"proc/sys/fs", "pipe-max-size", "65536\n"},
    {"proc/sys/vm", "max_map_count", "65530\n"},
    {"sys/kernel/mm/transparent_hugepage", "enabled", "always madvise [never]\n"},
};

/* What stands in the directory of a process. */
static const struct proc_file process_files[] = {
    {NULL, "exe", S_IFLNK | 0777, MADE_EXE},
    {NULL, "cwd", S_IFLNK | 0777, MADE_CWD},
    {NULL, "mountinfo", S_IFREG | 0444, MADE_MOUNT_INFO},
    {NULL, "cmdline", S_IFREG | 0444, MADE_COMMAND_LINE},
    {NULL, "stat", S_IFREG | 0444, MADE_STAT},
    {NULL, "status", S_IFREG | 0444, MADE_STATUS},
    {NULL, "statm", S_IFREG | 0444, MADE_STATM},
    {NULL, "comm", S_IFREG | 0444, MADE_COMM},
    {NULL, "maps", S_IFREG | 0444, MADE_MAPS},
    {NULL, "mounts", S_IFREG | 0444, MADE_MOUNTS},
    {NULL, "limits", S_IFREG | 0444, MADE_LIMITS},
    {NULL, "root", S_IFLNK | 0777, MADE_ROOT},
    {NULL, "fd", S_IFDIR | 0500, MADE_FILES},
    {NULL, "fdinfo", S_IFDIR | 0555, MADE_FILE_INFOS},
};

static size_t length_of(const char *string)
{
    size_t bytes = 0;
    while (string[bytes])
        bytes++;
    return bytes;
}

/* A made-up node at `dir`/`name`, where that name is free. */
static long add(struct arena *a, struct node *dir, const struct proc_file *f, int32_t pid)
{
    if (entry_find(a, dir, f->name, length_of(f->name)))
        return 0;
    struct node *n = node_create(a, f->mode);
    if (!n)
        return -ENOMEM;
    n->made_up = f->text;
    n->pid = pid;
    if (!entry_add(a, dir, f->name, length_of(f->name), n))
        return 0;
    node_release(a, n);
    return -ENOMEM;
}

long proc_populate(struct arena *a)
{
    for (size_t i = 0; i < sizeof proc_files / sizeof proc_files[0]; i++) {
        const struct proc_file *f = &proc_files[i];
        if (f->text >= MADE_NET_TCP && f->text < MADE_NET_UNIX && !inet_ops.table)
            continue;
        struct node *dir = unpack_directory(a, f->directory, length_of(f->directory));
        if (!dir || add(a, dir, f, 0))
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < sizeof fixed_files / sizeof fixed_files[0]; i++) {
        const struct fixed_file *f = &fixed_files[i];
        const struct proc_file made = {f->directory, f->name, S_IFREG | 0444, MADE_FIXED};
        struct node *dir = unpack_directory(a, f->directory, length_of(f->directory));
        if (!dir || add(a, dir, &made, 0))
            return -ENOMEM;
        struct node *n = entry_find(a, dir, f->name, length_of(f->name))->node;
        if (n->made_up == MADE_FIXED)
            n->minor = i;
    }
    a->proc = unpack_directory(a, "proc", 4);
    return 0;
}

static size_t number_text(int32_t number, char to[10])
{
    struct text t = {to, 0, 10};

    text_add_number(&t, (uint64_t)number, 1, ' ');
    return t.bytes;
}

/* Directories of processes are made when somebody looks for them; without memory there is none. */
static void make_directory(struct arena *a, struct process *p)
{
    char name[10];
    struct node *dir = p->in_proc ? NULL : node_create(a, S_IFDIR | 0555);

    if (!dir)
        return;
    if (entry_add(a, a->proc, name, number_text(p->pid, name), dir)) {
        node_release(a, dir);
        return;
    }
    p->in_proc = true;
    for (size_t i = 0; i < sizeof process_files / sizeof process_files[0]; i++)
        if (add(a, dir, &process_files[i], p->pid))
            return;
}

const char *proc_fixed(const struct node *n)
{
    return fixed_files[n->minor].text;
}

/* Of a directory's process, the file that an entry of it names, or NULL. */
static struct file *named_file(const struct arena *a, const struct node *n)
{
    const struct process *p = process_find(a, n->pid);

    return p && !p->ended ? file_get(p, n->minor) : NULL;
}

struct file *proc_open_file(const struct arena *a, const struct node *n)
{
    return n->made_up == MADE_FILE ? named_file(a, n) : NULL;
}

/* Its entries become what the process has open now; without memory some lack. */
static void visit_files(struct arena *a, struct node *dir)
{
    const struct process *p = process_find(a, dir->pid);
    bool links = dir->made_up == MADE_FILES;
    char name[10];

    for (struct entry *e = dir->first, *next; e; e = next) {
        next = e->next;
        if (!named_file(a, e->node))
            entry_remove(a, e);
    }
    for (uint32_t fd = 0; p && fd < p->descriptor_end; fd++) {
        size_t bytes = number_text((int32_t)fd, name);

        if (!p->descriptors[fd].file || entry_find(a, dir, name, bytes))
            continue;
        struct node *n = node_create(a, links ? S_IFLNK | 0700 : S_IFREG | 0444);
        if (!n)
            return;
        n->made_up = links ? MADE_FILE : MADE_FILE_INFO;
        n->pid = dir->pid;
        n->minor = fd;
        if (entry_add(a, dir, name, bytes, n))
            node_release(a, n);
    }
}

void proc_visit(struct arena *a, struct node *dir, const char *name, size_t bytes)
{
    int32_t number = 0;

    if (dir != a->proc) {
        visit_files(a, dir);
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (name[i] < '0' || name[i] > '9' || number > INT32_MAX / 10 - 1)
            return;
        number = number * 10 + (name[i] - '0');
    }
    struct process *p = process_find(a, number);
    if (p)
        make_directory(a, p);
}

void proc_visit_all(struct arena *a, struct node *dir)
{
    if (dir != a->proc) {
        visit_files(a, dir);
        return;
    }
    for (struct process *p = a->processes; p; p = p->next)
        make_directory(a, p);
}

void proc_forget(struct process *p)
{
    struct arena *a = p->arena;
    char name[10];
    struct entry *e = p->in_proc ? entry_find(a, a->proc, name, number_text(p->pid, name)) : NULL;

    p->in_proc = false;
    if (!e)
        return;
    while (e->node->first) {
        struct node *n = e->node->first->node;
        while (node_is(n, S_IFDIR) && n->first)
            entry_remove(a, n->first);
        entry_remove(a, e->node->first);
    }
    entry_remove(a, e);
}

/* The first entry that names it. */
static const struct entry *entry_of(const struct arena *a, const struct node *n)
{
    for (size_t i = 0; i < NAME_BUCKETS && n->links; i++)
        for (const struct entry *e = a->names[i]; e; e = e->hash_next)
            if (e->node == n)
                return e;
    return NULL;
}

/* What the link of an open file says: its path, or what it is. */
static size_t file_text(struct arena *a, const struct file *f, char *to, size_t capacity)
{
    static const char *const kinds[FILE_KINDS] = {
        [FILE_PIPE_READ] = "pipe:[",     [FILE_PIPE_WRITE] = "pipe:[",
        [FILE_PIPE_BOTH] = "pipe:[",     [FILE_SOCKET] = "socket:[",
        [FILE_INET] = "socket:[",        [FILE_COUNTER] = "anon_inode:[",
        [FILE_SIGNAL] = "anon_inode:[",  [FILE_EPOLL] = "anon_inode:[",
        [FILE_INOTIFY] = "anon_inode:[", [FILE_PROCESS] = "anon_inode:["};
    const struct node *n = f->node;
    const struct entry *e = node_is(n, S_IFDIR) ? NULL : entry_of(a, n);
    struct text t = {to, 0, capacity};
    long bytes = e || node_is(n, S_IFDIR) ? path_of(a, e ? e->parent : n, to, capacity) : 0;

    if (bytes > 0) {
        t.bytes = (size_t)bytes - 1;
        if (e) {
            text_add(&t, t.bytes > 1 ? "/" : "");
            text_add_bytes(&t, e->name, e->bytes);
        }
    } else if (kinds[f->kind]) {
        text_add(&t, kinds[f->kind]);
        text_add_number(&t, n->ino, 1, ' ');
        text_add(&t, "]");
    } else {
        text_add(&t, "/ (deleted)");
    }
    return t.bytes;
}

const char *proc_link(const struct process *p, const struct node *n, size_t *bytes)
{
    struct arena *a = p->arena;
    const struct process *of = n->pid ? process_find(a, n->pid) : p;

    *bytes = 0;
    if (n->made_up == MADE_OWN_FILES)
        return *bytes = 13, "/proc/self/fd";
    if (!of || of->ended)
        return "";
    if (n->made_up == MADE_EXE) {
        *bytes = length_of(of->text->exe);
        return of->text->exe;
    }
    if (n->made_up == MADE_CWD) {
        long length = path_of(a, of->cwd, a->link_text, sizeof a->link_text);
        *bytes = length > 0 ? (size_t)length - 1 : 0;
    } else if (n->made_up == MADE_ROOT) {
        return *bytes = 1, "/";
    } else if (n->made_up == MADE_FILE) {
        const struct file *f = named_file(a, n);
        *bytes = f ? file_text(a, f, a->link_text, sizeof a->link_text) : 0;
    } else {
        *bytes = number_text(p->pid, a->link_text);
    }
    return a->link_text;
}

static long made_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)p;
    if (*position >= f->buffer_bytes)
        return 0;
    long n = io_put(io, (const char *)f->buffer + *position, f->buffer_bytes - *position);
    if (n > 0)
        *position += (uint64_t)n;
    return n;
}

size_t proc_room(const struct node *n)
{
    return n->made_up >= MADE_NET_TCP && n->made_up <= MADE_NET_UNIX ? 16 * PAGE_SIZE : PAGE_SIZE;
}

static void made_close(struct process *p, struct file *f)
{
    core_heap_free(&p->arena->heap, f->buffer, proc_room(f->node));
}

const struct file_ops file_ops_text = {.read = made_read, .close = made_close, .seekable = true};
