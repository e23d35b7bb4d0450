/* The texts of /proc. */
#include "libos-posix/base/area.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/channel/socket.h"
#include "libos-posix/file/file.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/file/path.h"
#include "libos-posix/file/proc.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/text.h"

#define NS_PER_CENTISECOND 10000000u

static void add_kilobytes(struct text *t, const char *label, uint64_t bytes)
{
    text_add(t, label);
    text_add_number(t, bytes / 1024, 8, ' ');
    text_add(t, " kB\n");
}

static void meminfo(struct text *t)
{
    struct port_memory m;

    port_memory_get(&m);
    add_kilobytes(t, "MemTotal:       ", m.total_bytes);
    add_kilobytes(t, "MemFree:        ", m.free_bytes);
    add_kilobytes(t, "MemAvailable:   ", m.free_bytes);
    add_kilobytes(t, "Buffers:        ", 0);
    add_kilobytes(t, "Cached:         ", 0);
    add_kilobytes(t, "SwapTotal:      ", 0);
    add_kilobytes(t, "SwapFree:       ", 0);
}

static void add_seconds(struct text *t, uint64_t ns)
{
    uint64_t hundredths = ns / NS_PER_CENTISECOND;

    text_add_number(t, hundredths / 100, 1, ' ');
    text_add(t, ".");
    text_add_number(t, hundredths % 100, 2, '0');
}

static void add_number(struct text *t, uint64_t value)
{
    text_add(t, " ");
    text_add_number(t, value, 1, ' ');
}

static const char *name_of(const struct process *p)
{
    return p->tasks ? p->tasks->name : "";
}

/* R runs, S sleeps, D waits for the child that has its memory, T is stopped, Z has ended and is
 * waited for. */
static char state_of(const struct process *p)
{
    if (p->ended)
        return 'Z';
    if (p->stopped)
        return 'T';
    if (p->tasks && p->tasks->loan)
        return 'D';
    return p->tasks && p->tasks->channel ? 'S' : 'R';
}

static uint64_t used_ns(const struct process *p)
{
    if (p->ended)
        return p->used_ns;
    return p == process_current() ? process_cpu_ns(p) : 0; /* of others it is known at their end */
}

/* proc(5) numbers the fields; what is not known is 0. */
static void stat(struct text *t, const struct process *p)
{
    const char state[2] = {state_of(p), 0};
    uint64_t ticks = used_ns(p) / NS_PER_CENTISECOND;

    text_add_number(t, (uint64_t)p->pid, 1, ' ');
    text_add(t, " (");
    text_add(t, name_of(p));
    text_add(t, ") ");
    text_add(t, state);
    add_number(t, p->parent ? (uint64_t)p->parent->pid : 0);
    add_number(t, (uint64_t)p->group);
    add_number(t, (uint64_t)p->session);
    for (unsigned field = 7; field <= 52; field++) {
        switch (field) {
        case 14: /* user time */
            add_number(t, ticks);
            break;
        case 16: /* of children */
            add_number(t, p->children_ns / NS_PER_CENTISECOND);
            break;
        case 18: /* priority */
            add_number(t, (uint64_t)(20 + p->nice));
            break;
        case 20:
            add_number(t, p->task_count);
            break;
        case 22: /* start */
            add_number(t, p->started_ns / NS_PER_CENTISECOND);
            break;
        case 23: /* bytes of memory */
            add_number(t, area_total(p));
            break;
        case 24: /* pages */
            add_number(t, area_total(p) / PAGE_SIZE);
            break;
        case 38:
            add_number(t, (uint64_t)p->exit_signal);
            break;
        default:
            add_number(t, 0);
        }
    }
    text_add(t, "\n");
}

static void add_line(struct text *t, const char *label, uint64_t value)
{
    text_add(t, label);
    text_add_number(t, value, 1, ' ');
    text_add(t, "\n");
}

static void add_four(struct text *t, const char *label, uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t values[4] = {a, b, c, b};

    text_add(t, label);
    for (unsigned i = 0; i < 4; i++) {
        text_add_number(t, values[i], 1, ' ');
        text_add(t, i < 3 ? "\t" : "\n");
    }
}

static void add_hex(struct text *t, uint64_t value, unsigned digits)
{
    while (digits)
        text_add_bytes(t, &"0123456789abcdef"[value >> --digits * 4 & 15], 1);
}

static void add_set(struct text *t, const char *label, uint64_t set)
{
    text_add(t, label);
    add_hex(t, set, 16);
    text_add(t, "\n");
}

static void status(struct text *t, const struct process *p)
{
    const char state[3] = {state_of(p), '\n', 0};
    uint64_t ignored = 0, caught = 0;

    for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
        uint64_t bit = (uint64_t)1 << i;
        ignored |= p->action[i].handler == SIG_IGN ? bit : 0;
        caught |= p->action[i].handler > SIG_IGN ? bit : 0;
    }
    text_add(t, "Name:\t");
    text_add(t, name_of(p));
    text_add(t, "\nState:\t");
    text_add(t, state);
    add_line(t, "Tgid:\t", (uint64_t)p->pid);
    add_line(t, "Pid:\t", (uint64_t)p->pid);
    add_line(t, "PPid:\t", p->parent ? (uint64_t)p->parent->pid : 0);
    add_four(t, "Uid:\t", p->who.uid, p->who.euid, p->who.suid);
    add_four(t, "Gid:\t", p->who.gid, p->who.egid, p->who.sgid);
    add_kilobytes(t, "VmSize:\t", area_total(p));
    add_line(t, "Threads:\t", p->task_count);
    add_set(t, "ShdPnd:\t", p->pending.set);
    add_set(t, "SigBlk:\t", p->tasks ? p->tasks->blocked : 0);
    add_set(t, "SigIgn:\t", ignored);
    add_set(t, "SigCgt:\t", caught);
}

static void maps(struct text *t, const struct process *p)
{
    for (const struct area *a = process_memory_of(p)->areas; a; a = a->next) {
        add_hex(t, a->start, 12);
        text_add(t, "-");
        add_hex(t, a->end, 12);
        text_add(t, a->rights & RIGHT_READ ? " r" : " -");
        text_add(t, a->rights & RIGHT_WRITE ? "w" : "-");
        text_add(t, a->rights & RIGHT_EXEC ? "x" : "-");
        text_add(t, a->shared ? "s " : "p ");
        add_hex(t, a->offset, 8);
        text_add(t, " 00:01 ");
        text_add_number(t, a->shared ? a->shared->ino : 0, 1, ' ');
        text_add(t, "\n");
    }
}

static void cpuinfo(struct text *t)
{
    for (unsigned i = 0; i < port_processors(); i++) {
        add_line(t, "processor\t: ", i);
        text_add(t, "vendor_id\t: exo4\n\n");
    }
}

static void add_limit(struct text *t, uint64_t limit)
{
    if (limit == RLIM_INFINITY) {
        text_add(t, "unlimited            ");
        return;
    }
    const size_t before = t->bytes;
    text_add_number(t, limit, 1, ' ');
    while (t->bytes < before + 21 && t->bytes < t->capacity)
        text_add(t, " ");
}

static void limits(struct text *t, const struct process *p)
{
    static const char *const lines[RLIMIT_COUNT][2] = {
        {"Max cpu time              ", "seconds"},   {"Max file size             ", "bytes"},
        {"Max data size             ", "bytes"},     {"Max stack size            ", "bytes"},
        {"Max core file size        ", "bytes"},     {"Max resident set          ", "bytes"},
        {"Max processes             ", "processes"}, {"Max open files            ", "files"},
        {"Max locked memory         ", "bytes"},     {"Max address space         ", "bytes"},
        {"Max file locks            ", "locks"},     {"Max pending signals       ", "signals"},
        {"Max msgqueue size         ", "bytes"},     {"Max nice priority         ", ""},
        {"Max realtime priority     ", ""},          {"Max realtime timeout      ", "us"},
    };

    text_add(t, "Limit                     Soft Limit           Hard Limit           Units     \n");
    for (unsigned i = 0; i < RLIMIT_COUNT; i++) {
        text_add(t, lines[i][0]);
        add_limit(t, p->limits[i].current);
        add_limit(t, p->limits[i].maximum);
        text_add(t, lines[i][1]);
        text_add(t, "\n");
    }
}

static void file_info(struct text *t, const struct file *f)
{
    char octal[8];

    text_add(t, "pos:\t");
    text_add_number(t, f->position, 1, ' ');
    text_add(t, "\nflags:\t0");
    for (unsigned i = 0; i < sizeof octal; i++)
        octal[i] = (char)('0' + (f->flags >> (7 - i) * 3 & 7));
    text_add_bytes(t, octal, sizeof octal);
    text_add(t, "\nmnt_id:\t1");
    add_line(t, "\nino:\t", f->node->ino);
}

/* A byte that would end the field, and the backslash, stand as octal numbers. */
static void add_field(struct text *t, const char *field)
{
    for (; *field; field++) {
        const unsigned c = (uint8_t)*field;
        if (c != ' ' && c != '\t' && c != '\n' && c != '\\') {
            text_add_bytes(t, field, 1);
            continue;
        }
        text_add(t, "\\");
        for (unsigned shift = 9; shift; shift -= 3)
            text_add_bytes(t, &"01234567"[c >> (shift - 3) & 7], 1);
    }
}

static void add_options(struct text *t, const struct mount *m)
{
    text_add(t, m->read_only ? " ro" : " rw");
    text_add(t, m->no_suid ? ",nosuid" : "");
    text_add(t, m->no_exec ? ",noexec" : "");
    text_add(t, ",noatime");
}

static void mounts_text(struct text *t)
{
    char path[PATH_MAX];

    text_add(t, "rootfs / rootfs rw 0 0\n");
    for (const struct mount *m = arena_get()->mounts; m; m = m->next) {
        if (path_of(arena_get(), m->root, path, sizeof path) < 0)
            continue;
        add_field(t, m->source);
        text_add(t, " ");
        add_field(t, path);
        text_add(t, " ");
        text_add(t, m->kind_name);
        add_options(t, m);
        text_add(t, " 0 0\n");
    }
}

/* proc(5): number of the mount, of the one that it stands in, device, its root, where, options,
 * kind, source, options of the file system. */
static void mount_info_text(struct text *t)
{
    char path[PATH_MAX];

    text_add(t, "1 1 0:");
    text_add_number(t, FS_DEVICE, 1, ' ');
    text_add(t, " / / rw - rootfs rootfs rw\n");
    for (const struct mount *m = arena_get()->mounts; m; m = m->next) {
        if (path_of(arena_get(), m->root, path, sizeof path) < 0)
            continue;
        text_add_number(t, 1 + m->device, 1, ' ');
        add_number(t, 1 + (m->covered->stored ? mount_of(m->covered)->device : 0));
        add_number(t, DISK_MAJOR);
        text_add(t, ":");
        text_add_number(t, m->device, 1, ' ');
        text_add(t, " / ");
        add_field(t, path);
        add_options(t, m);
        text_add(t, " - ");
        text_add(t, m->kind_name);
        text_add(t, " ");
        add_field(t, m->source);
        text_add(t, m->read_only ? " ro\n" : " rw\n");
    }
}

static void process_text(struct text *t, const struct node *n, const struct process *p)
{
    switch (n->made_up) {
    case MADE_COMMAND_LINE:
        text_add_bytes(t, p->text->command_line, p->ended ? 0 : p->text->command_line_bytes);
        break;
    case MADE_STAT:
        stat(t, p);
        break;
    case MADE_STATUS:
        status(t, p);
        break;
    case MADE_STATM:
        text_add_number(t, area_total(p) / PAGE_SIZE, 1, ' ');
        add_number(t, area_total(p) / PAGE_SIZE);
        text_add(t, " 0 0 0 0 0\n");
        break;
    case MADE_COMM:
        text_add(t, name_of(p));
        text_add(t, "\n");
        break;
    case MADE_MAPS:
        maps(t, p);
        break;
    case MADE_LIMITS:
        limits(t, p);
        break;
    case MADE_FILE_INFO:
        if (!p->ended && file_get(p, n->minor))
            file_info(t, file_get(p, n->minor));
        break;
    case MADE_MOUNTS:
        mounts_text(t);
        break;
    case MADE_MOUNT_INFO:
        mount_info_text(t);
        break;
    default:
        break;
    }
}

/* Sockets between processes: those with a name say it. */
static void unix_sockets(struct text *t)
{
    text_add(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    for (const struct socket *s = arena_get()->sockets; s; s = s->next) {
        const bool is_abstract = s->name.bytes && !s->name.path[0];
        text_add(t, "0000000000000000: ");
        add_hex(t, s->refs, 8);
        text_add(t, s->listens ? " 00000000 00010000 " : " 00000000 00000000 ");
        add_hex(t, s->type, 4);
        text_add(t, s->peer && s->type != SOCK_DGRAM ? " 03 " : " 01 ");
        text_add_number(t, s->node_number, 5, ' ');
        if (s->name.bytes)
            text_add(t, is_abstract ? " @" : " ");
        text_add_bytes(t, s->name.path + is_abstract, s->name.bytes - is_abstract);
        text_add(t, "\n");
    }
}

static void system_text(struct text *t, const struct node *n)
{
    uint64_t up = port_monotonic_ns(), used = port_cpu_ns();

    switch (n->made_up) {
    case MADE_MEMINFO:
        meminfo(t);
        break;
    case MADE_UPTIME:
        add_seconds(t, up);
        text_add(t, " ");
        add_seconds(t, up > used ? up - used : 0);
        text_add(t, "\n");
        break;
    case MADE_MOUNTS:
        mounts_text(t);
        break;
    case MADE_LOADAVG: /* nobody counts who waits for a processor */
        text_add(t, "0.00 0.00 0.00 1/1 ");
        add_line(t, "", (uint64_t)arena_get()->last_pid);
        break;
    case MADE_VERSION:
        text_add(t, "Linux version 6.1.0-exo4 libos-posix on exo4\n");
        break;
    case MADE_CPUINFO:
        cpuinfo(t);
        break;
    case MADE_SYSTEM_STAT:
        text_add(t, "cpu  0 0 0 ");
        add_line(t, "", up / NS_PER_CENTISECOND);
        add_line(t, "btime ", (arena_now() - up) / NS_PER_SECOND);
        break;
    case MADE_PID_MAX:
        text_add(t, "32768\n");
        break;
    case MADE_SOMAXCONN:
        text_add(t, "4096\n");
        break;
    case MADE_OVERCOMMIT:
        text_add(t, "0\n");
        break;
    case MADE_HOST_NAME:
        text_add(t, arena_get()->host_name);
        text_add(t, "\n");
        break;
    case MADE_PROCESSORS:
        text_add(t, port_processors() > 1 ? "0-" : "");
        add_line(t, "", port_processors() - 1);
        break;
    case MADE_FIXED:
        text_add(t, proc_fixed(n));
        break;
    case MADE_NET_UNIX:
        unix_sockets(t);
        break;
    default:
        if (n->made_up >= MADE_NET_TCP && n->made_up < MADE_NET_UNIX)
            inet_ops.table(n->made_up, t);
    }
}

size_t proc_text(const struct node *n, char *to, size_t capacity)
{
    struct text t = {to, 0, capacity};
    const struct process *p = n->pid ? process_find(arena_get(), n->pid) : NULL;

    if (p)
        process_text(&t, n, p);
    else
        system_text(&t, n);
    return t.bytes;
}
