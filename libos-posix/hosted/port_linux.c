/* The port of the personality core to a Linux process. */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libos-posix/hosted/host.h"
#include "libos-posix/port.h"

#define NS_PER_SECOND 1000000000ull
#define MEMORY_BYTES  ((uint64_t)4 << 30)

const void *host_archive;
size_t host_archive_bytes;
word_t host_program_fs;

/* Far below where Linux puts a PIE, its libraries and the stack. */
static const struct port_layout layout = {
    .program_low = 0x10000,
    .program_high = 0x210000000000,
    .map_low = 0x200000000000,
    .map_high = 0x210000000000,
    .core_low = 0x300000000000,
    .core_high = 0x300000000000 + MEMORY_BYTES,
};

static uint64_t mapped_bytes;

const struct port_layout *port_layout(void)
{
    return &layout;
}

static int protection(rights_t rights)
{
    return (rights & RIGHT_READ ? PROT_READ : 0) | (rights & RIGHT_WRITE ? PROT_WRITE : 0) |
           (rights & RIGHT_EXEC ? PROT_EXEC : 0);
}

bool port_map(vaddr_t va, size_t bytes, rights_t rights)
{
    if (bytes > MEMORY_BYTES - mapped_bytes)
        return false;
    void *got = mmap((void *)va, bytes, protection(rights),
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != (void *)va)
        return false;
    mapped_bytes += bytes;
    return true;
}

bool port_protect(vaddr_t va, size_t bytes, rights_t rights)
{
    return mprotect((void *)va, bytes, protection(rights)) == 0;
}

void port_unmap(vaddr_t va, size_t bytes)
{
    if (munmap((void *)va, bytes))
        abort();
    mapped_bytes -= bytes;
}

void port_discard(vaddr_t va, size_t bytes)
{
    madvise((void *)va, bytes, MADV_DONTNEED);
}

void port_memory_get(struct port_memory *out)
{
    *out = (struct port_memory){MEMORY_BYTES, MEMORY_BYTES - mapped_bytes};
}

void port_console_write(int stream, const void *bytes, size_t count)
{
    const char *at = bytes;

    while (count) {
        ssize_t n = write(stream, at, count);
        if (n <= 0)
            _exit(2);
        at += n;
        count -= (size_t)n;
    }
}

size_t port_console_read(void *bytes, size_t capacity)
{
    ssize_t n = read(0, bytes, capacity);
    return n < 0 ? 0 : (size_t)n;
}

bool port_console_ready(void)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    return poll(&in, 1, 0) != 0;
}

void port_terminal_get(struct port_terminal *out)
{
    struct winsize size = {0};

    *out = (struct port_terminal){.is_terminal = isatty(0) && isatty(1)};
    if (out->is_terminal && ioctl(1, TIOCGWINSZ, &size) == 0) {
        out->rows = size.ws_row;
        out->columns = size.ws_col;
    }
}

/* Straight to the kernel: the library's fast path may end in a call from the vDSO. */
static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    syscall(SYS_clock_gettime, clock, &t);
    return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

uint64_t port_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t port_real_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

uint64_t port_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void port_wait(uint64_t deadline_ns, bool console)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    struct timespec t = {0};
    uint64_t now = port_monotonic_ns();

    if (deadline_ns > now) {
        t.tv_sec = (time_t)((deadline_ns - now) / NS_PER_SECOND);
        t.tv_nsec = (long)((deadline_ns - now) % NS_PER_SECOND);
    }
    ppoll(&in, console ? 1 : 0, deadline_ns == PORT_FOREVER ? NULL : &t, NULL);
}

unsigned port_processors(void)
{
    return 1;
}

void port_set_fs(vaddr_t base)
{
    host_program_fs = base;
}

void port_entropy(void *bytes, size_t count)
{
    while (count) {
        ssize_t n = getrandom(bytes, count, 0);
        if (n <= 0)
            abort();
        bytes = (char *)bytes + n;
        count -= (size_t)n;
    }
}

_Noreturn void port_exit(int status)
{
    _exit(status);
}

const void *port_archive(size_t *bytes)
{
    *bytes = host_archive_bytes;
    return host_archive;
}
