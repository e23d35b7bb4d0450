/* Fake platform under the personality core. */
#define _GNU_SOURCE /* mmap and its flags */
#include "tests/host/fakes/posix_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libos-posix/port.h"
#include "tests/host/host.h"

#define CORE_BYTES    ((size_t)256 << 20) /* a multiple of PORT_CORE_STEP */
#define PIECES_MAX    4096u
#define INITIAL_LIMIT ((size_t)512 << 20)

struct fake_port fake;

/* What is mapped, to be able to unmap all and to catch a core that maps over its own memory. */
static struct {
    vaddr_t start;
    size_t bytes;
} pieces[PIECES_MAX];
static size_t piece_count;

static const struct port_layout layout = {
    .program_low = 0x10000,
    .program_high = FAKE_MAP_HIGH,
    .map_low = FAKE_MAP_LOW,
    .map_high = FAKE_MAP_HIGH,
    .core_low = FAKE_CORE_LOW,
    .core_high = FAKE_CORE_LOW + CORE_BYTES,
};

const struct port_layout *port_layout(void)
{
    return &layout;
}

static int protection(rights_t rights)
{
    return (rights & RIGHT_READ ? PROT_READ : 0) | (rights & RIGHT_WRITE ? PROT_WRITE : 0) |
           (rights & RIGHT_EXEC ? PROT_EXEC : 0);
}

/* The contract: whole pages, in range, and free. A breach is a bug of the core. */
bool port_map(vaddr_t va, size_t bytes, rights_t rights)
{
    assert_int_equal(va % PAGE_SIZE, 0);
    assert_int_equal(bytes % PAGE_SIZE, 0);
    assert_true(bytes && ((va >= layout.program_low && va + bytes <= layout.program_high) ||
                          (va >= layout.core_low && va + bytes <= layout.core_high)));
    for (size_t i = 0; i < piece_count; i++)
        assert_true(va + bytes <= pieces[i].start || va >= pieces[i].start + pieces[i].bytes);

    if (bytes > fake.limit_bytes - fake.mapped_bytes || piece_count == PIECES_MAX)
        return false;
    int kind = va >= layout.core_low && va < layout.core_high ? MAP_SHARED : MAP_PRIVATE;
    void *got = mmap((void *)va, bytes, protection(rights),
                     kind | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED) /* this process has something of its own there */
        return false;
    assert_ptr_equal(got, (void *)va);
    pieces[piece_count].start = va;
    pieces[piece_count++].bytes = bytes;
    fake.mapped_bytes += bytes;
    return true;
}

bool port_protect(vaddr_t va, size_t bytes, rights_t rights)
{
    assert_int_equal(mprotect((void *)va, bytes, protection(rights)), 0);
    return true;
}

/* Takes [va, va + bytes) out of piece i, which may leave one or two smaller ones. */
static size_t piece_cut(size_t i, vaddr_t va, size_t bytes)
{
    vaddr_t start = pieces[i].start, end = start + pieces[i].bytes, stop = va + bytes;
    vaddr_t low = start > va ? start : va, high = end < stop ? end : stop;

    if (low >= high)
        return 0;
    pieces[i].bytes = low - start;
    if (end > high && piece_count < PIECES_MAX) {
        pieces[piece_count].start = high;
        pieces[piece_count++].bytes = end - high;
    }
    return high - low;
}

void port_unmap(vaddr_t va, size_t bytes)
{
    size_t cut = 0, kept = 0;

    for (size_t i = 0, count = piece_count; i < count; i++)
        cut += piece_cut(i, va, bytes);
    assert_int_equal(cut, bytes); /* only what is mapped may be unmapped */
    for (size_t i = 0; i < piece_count; i++)
        if (pieces[i].bytes)
            pieces[kept++] = pieces[i];
    piece_count = kept;
    assert_int_equal(munmap((void *)va, bytes), 0);
    fake.mapped_bytes -= bytes;
}

void port_discard(vaddr_t va, size_t bytes)
{
    assert_int_equal(madvise((void *)va, bytes, MADV_DONTNEED), 0);
}

void port_memory_get(struct port_memory *out)
{
    *out = (struct port_memory){fake.limit_bytes, fake.limit_bytes - fake.mapped_bytes};
}

void port_console_write(int stream, const void *bytes, size_t count)
{
    size_t room = sizeof fake.output - fake.output_bytes;
    size_t kept = count < room ? count : room;

    memcpy(fake.output + fake.output_bytes, bytes, kept);
    fake.output_bytes += kept;
    if (stream == 2)
        fake.error_bytes += count;
}

size_t port_console_read(void *bytes, size_t capacity)
{
    size_t n = fake.input ? strlen(fake.input) : 0;

    if (n > capacity)
        n = capacity;
    if (n)
        memcpy(bytes, fake.input, n);
    if (n)
        fake.input += n;
    return n;
}

bool port_console_ready(void)
{
    return fake.input && *fake.input;
}

void port_terminal_get(struct port_terminal *out)
{
    *out = (struct port_terminal){fake.is_terminal, 25, 80};
}

uint64_t port_monotonic_ns(void)
{
    return fake.now_ns;
}

uint64_t port_real_ns(void)
{
    return FAKE_EPOCH_NS + fake.now_ns;
}

uint64_t port_cpu_ns(void)
{
    return fake.now_ns / 2;
}

struct task *port_self(void)
{
    return fake.self;
}

void port_set_self(struct task *self)
{
    fake.self = self;
}

/* Comes back half-way the first time, as the contract allows. */
static void sleep_alone(uint64_t deadline_ns, bool console)
{
    if (console && port_console_ready())
        return;
    if (deadline_ns == PORT_FOREVER)
        fail_msg("a wait that nothing can end");
    if (deadline_ns > fake.now_ns) {
        uint64_t length = deadline_ns - fake.now_ns;
        fake.now_ns += fake.waits % 2 ? (length + 1) / 2 : length;
    }
}

void port_sleep(uint64_t deadline_ns, bool console)
{
    fake.waits++;
    if (fake.has_keeper)
        fake_run_others(deadline_ns);
    else
        sleep_alone(deadline_ns, console);
}

vaddr_t port_door(void)
{
    return 0;
}

const void *port_vdso(void)
{
    return fake.vdso;
}

bool port_has_keeper(void)
{
    return fake.has_keeper;
}

bool port_core_extend(vaddr_t va, size_t bytes)
{
    assert_true(va >= layout.core_low && bytes % PORT_CORE_STEP == 0);
    return port_map(va, bytes, RIGHT_READ | RIGHT_WRITE);
}

/* A second view of the same pages: mremap gives one when the old size is 0. */
bool port_show(vaddr_t va, const void *core, size_t bytes, rights_t rights)
{
    void *to = (void *)va;

    if (!port_map(va, bytes, rights))
        return false;
    assert_int_equal(munmap(to, bytes), 0);
    assert_ptr_equal(mremap((void *)(uintptr_t)core, 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to),
                     to);
    assert_int_equal(mprotect(to, bytes, protection(rights)), 0);
    return true;
}

unsigned port_processors(void)
{
    return 2;
}

void port_set_fs(vaddr_t base)
{
    fake.fs_base = base;
}

void port_entropy(void *bytes, size_t count)
{
    static uint32_t state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        ((uint8_t *)bytes)[i] = (uint8_t)(state >> 24);
    }
}

_Noreturn void port_exit(int status)
{
    fake.exit_status = status;
    if (fake.exit_expected)
        longjmp(fake.on_exit, 1);
    fail_msg("the program ended with %d", status);
    abort();
}

const void *port_archive(size_t *bytes)
{
    *bytes = fake.archive_bytes;
    return fake.archive_bytes ? fake.archive : NULL;
}

void fake_reset(void)
{
    fake_tasks_reset();
    while (piece_count) {
        piece_count--;
        munmap((void *)pieces[piece_count].start, pieces[piece_count].bytes);
    }
    memset(fake.archive, 0, fake.archive_bytes);
    memset(&fake, 0, offsetof(struct fake_port, archive));
    fake.limit_bytes = INITIAL_LIMIT;
    fake.now_ns = 1000000000;
}

static void archive_bytes(const void *bytes, size_t count)
{
    assert_true(count + 3 < sizeof fake.archive - fake.archive_bytes);
    if (count)
        memcpy(fake.archive + fake.archive_bytes, bytes, count);
    fake.archive_bytes += count;
    while (fake.archive_bytes % 4)
        fake.archive[fake.archive_bytes++] = 0;
}

void fake_archive_link(const char *name, uint32_t mode, const void *data, size_t bytes,
                       uint32_t ino, uint32_t links)
{
    char head[128];
    int n =
        snprintf(head, sizeof head, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s",
                 ino, mode, 0u, 0u, links, 1000u, (unsigned)bytes, 0u, 0u, 0u, 0u,
                 (unsigned)strlen(name) + 1, 0u, "");
    assert_int_equal(n, 110);
    memcpy(fake.archive + fake.archive_bytes, head, 110);
    fake.archive_bytes += 110;
    archive_bytes(name, strlen(name) + 1);
    archive_bytes(data, bytes);
}

void fake_archive_add(const char *name, uint32_t mode, const void *data, size_t bytes)
{
    static uint32_t ino = 1000;

    fake_archive_link(name, mode, data, bytes, ino++, 1);
}

void fake_archive_end(void)
{
    fake_archive_link("TRAILER!!!", 0, NULL, 0, 0, 1);
}

/* Tests adopt what they want the core to know. */
void port_stack_get(vaddr_t *low, vaddr_t *high)
{
    *low = *high = 0;
}
