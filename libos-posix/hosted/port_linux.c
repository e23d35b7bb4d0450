/* The port of the personality core to a Linux process, without a C library: the program under test
 * may bring one of its own. Headers of the host give constants and structures only. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <asm/unistd.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "libos-posix/hosted/host.h"
#include "libos-posix/port.h"

#define NS_PER_SECOND 1000000000ull
#define MEMORY_BYTES  ((uint64_t)4 << 30)
#define STACK_BYTES   ((vaddr_t)8 << 20)
#define ARCHIVE_FD    3 /* where a linked program's archive is passed to it */

const void *host_archive;
size_t host_archive_bytes;
bool host_has_keeper;

long host_call(long number, long a1, long a2, long a3, long a4, long a5, long a6)
{
    register long r10 __asm__("r10") = a4;
    register long r8 __asm__("r8") = a5;
    register long r9 __asm__("r9") = a6;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a1), "S"(a2), "d"(a3), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

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
    if (LINUX(mmap, va, bytes, protection(rights),
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != (long)va)
        return false;
    mapped_bytes += bytes;
    return true;
}

bool port_protect(vaddr_t va, size_t bytes, rights_t rights)
{
    return LINUX(mprotect, va, bytes, protection(rights)) == 0;
}

void port_unmap(vaddr_t va, size_t bytes)
{
    if (LINUX(munmap, va, bytes))
        __builtin_trap();
    mapped_bytes -= bytes;
}

void port_discard(vaddr_t va, size_t bytes)
{
    LINUX(madvise, va, bytes, MADV_DONTNEED);
}

void port_memory_get(struct port_memory *out)
{
    *out = (struct port_memory){MEMORY_BYTES, MEMORY_BYTES - mapped_bytes};
}

void port_console_write(int stream, const void *bytes, size_t count)
{
    const char *at = bytes;

    while (count) {
        long n = LINUX(write, stream, at, count);
        if (n <= 0)
            port_exit(2);
        at += n;
        count -= (size_t)n;
    }
}

size_t port_console_read(void *bytes, size_t capacity)
{
    long n = LINUX(read, 0, bytes, capacity);
    return n < 0 ? 0 : (size_t)n;
}

bool port_console_ready(void)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    return LINUX(poll, &in, 1, 0) != 0;
}

void port_terminal_get(struct port_terminal *out)
{
    struct winsize size = {0};
    bool both = LINUX(ioctl, 0, TIOCGWINSZ, &size) == 0 && LINUX(ioctl, 1, TIOCGWINSZ, &size) == 0;

    *out = (struct port_terminal){both, size.ws_row, size.ws_col};
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    LINUX(clock_gettime, clock, &t);
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

unsigned port_processors(void)
{
    return 1;
}

void port_set_fs(vaddr_t base)
{
    __asm__ volatile("wrfsbase %0" : : "r"(base) : "memory");
}

void port_entropy(void *bytes, size_t count)
{
    char *at = bytes;

    while (count) {
        long n = LINUX(getrandom, at, count, 0);
        if (n <= 0)
            __builtin_trap();
        at += n;
        count -= (size_t)n;
    }
}

_Noreturn void port_exit(int status)
{
    for (;;)
        LINUX(exit_group, status);
}

/* The stack is where this function's own frame is. */
void port_stack_get(vaddr_t *low, vaddr_t *high)
{
    static char maps[65536];
    long fd = LINUX(open, "/proc/self/maps", 0), n = LINUX(read, fd, maps, sizeof maps - 1);
    vaddr_t here = (vaddr_t)__builtin_frame_address(0), ends[2] = {0, 0};
    unsigned which = 0;

    LINUX(close, fd);
    for (long i = 0; i < n; i++) {
        char c = maps[i];
        if (c >= '0' && c <= '9' && which < 2)
            ends[which] = ends[which] << 4 | (vaddr_t)(c - '0');
        else if (c >= 'a' && c <= 'f' && which < 2)
            ends[which] = ends[which] << 4 | (vaddr_t)(c - 'a' + 10);
        else if (c == '-' || c == ' ')
            which++; /* after both ends come rights and names */
        else if (c == '\n' && ends[0] <= here && here < ends[1])
            break;
        else if (c == '\n')
            which = 0, ends[0] = ends[1] = 0;
    }
    *high = ends[1];
    *low = ends[1] - STACK_BYTES; /* Linux lets it grow down to there */
}

const void *port_archive(size_t *bytes)
{
    struct stat s;

    if (!host_archive && LINUX(fstat, ARCHIVE_FD, &s) == 0 && s.st_size) {
        long at = LINUX(mmap, 0, s.st_size, PROT_READ, MAP_PRIVATE, ARCHIVE_FD, 0);
        if (at > 0) {
            host_archive = (const void *)at;
            host_archive_bytes = (size_t)s.st_size;
        }
    }
    *bytes = host_archive_bytes;
    return host_archive;
}
