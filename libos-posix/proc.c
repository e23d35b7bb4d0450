/* The few files of /proc that programs ask for and that can be answered truthfully. */
#include "libos-posix/abi_errno.h"
#include "libos-posix/file.h"
#include "libos-posix/io.h"
#include "libos-posix/node.h"
#include "libos-posix/text.h"
#include "libos-posix/unpack.h"

#define NS_PER_CENTISECOND 10000000u

static const struct proc_file {
    const char *directory, *name;
    uint32_t mode;
    enum made_up text;
} proc_files[] = {
    {"proc/self", "exe", S_IFLNK | 0777, MADE_SELF_EXE},
    {"proc/self", "cmdline", S_IFREG | 0444, MADE_COMMAND_LINE},
    {"proc", "meminfo", S_IFREG | 0444, MADE_MEMINFO},
    {"proc", "uptime", S_IFREG | 0444, MADE_UPTIME},
    {"proc", "mounts", S_IFREG | 0444, MADE_MOUNTS},
};

static size_t length_of(const char *string)
{
    size_t bytes = 0;
    while (string[bytes])
        bytes++;
    return bytes;
}

long proc_populate(struct arena *a)
{
    for (size_t i = 0; i < sizeof proc_files / sizeof proc_files[0]; i++) {
        const struct proc_file *f = &proc_files[i];
        struct node *dir = unpack_directory(a, f->directory, length_of(f->directory));
        if (!dir)
            return -ENOMEM;
        if (entry_find(a, dir, f->name, length_of(f->name)))
            continue;
        struct node *n = node_create(a, f->mode);
        if (!n)
            return -ENOMEM;
        n->made_up = f->text;
        if (entry_add(a, dir, f->name, length_of(f->name), n)) {
            node_release(a, n);
            return -ENOMEM;
        }
    }
    return 0;
}

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

size_t proc_text(const struct process *p, const struct node *n, char *to, size_t capacity)
{
    struct text t = {to, 0, capacity};
    uint64_t up = port_monotonic_ns(), used = port_cpu_ns();

    switch (n->made_up) {
    case MADE_MEMINFO:
        meminfo(&t);
        break;
    case MADE_UPTIME:
        add_seconds(&t, up);
        text_add(&t, " ");
        add_seconds(&t, up > used ? up - used : 0);
        text_add(&t, "\n");
        break;
    case MADE_MOUNTS:
        text_add(&t, "rootfs / rootfs rw 0 0\n");
        break;
    case MADE_COMMAND_LINE:
        text_add_bytes(&t, p->command_line, p->command_line_bytes);
        break;
    case MADE_SELF_EXE:
    case MADE_NOT:
        break;
    }
    return t.bytes;
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

static void made_close(struct process *p, struct file *f)
{
    core_heap_free(&p->arena->heap, f->buffer, PAGE_SIZE);
}

const struct file_ops file_ops_text = {.read = made_read, .close = made_close, .seekable = true};
