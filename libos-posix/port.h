/*
 * What the personality core asks of the platform under it. One file implements all of it: over
 * libos in a guest, over Linux for development, and a fake for host tests.
 *
 * The core has checked every argument before it calls: addresses and lengths are whole pages, lie
 * in the layout's ranges, and a range to be mapped is free. No function here may use %fs or %gs,
 * for both belong to the program.
 */
#pragma once

#include "exo/abi/types.h"

#define PORT_FOREVER UINT64_MAX

/* Three ranges of virtual addresses, [low, high), page-aligned; core is disjoint from program,
 * and map lies inside program. */
struct port_layout {
    vaddr_t program_low, program_high; /* where a program may have memory at all            */
    vaddr_t map_low, map_high;         /* where the core places what names no address       */
    vaddr_t core_low, core_high;       /* the core's own memory: nothing else may be in it  */
};

struct port_memory {
    uint64_t total_bytes; /* what this program could have at most */
    uint64_t free_bytes;
};

struct port_terminal {
    bool is_terminal; /* false: the console is a plain stream, and isatty() says no */
    uint16_t rows, columns;
};

const struct port_layout *port_layout(void);

/* Private memory, zero when first read, with `rights` (RIGHT_READ, _WRITE, _EXEC; 0 means that
 * any access faults). False when memory or page tables run out; then nothing has changed. */
bool port_map(vaddr_t va, size_t bytes, rights_t rights);

/* Changes the rights of mapped memory. False when out of memory; then nothing has changed. */
bool port_protect(vaddr_t va, size_t bytes, rights_t rights);

/* Gives mapped memory back. What is mapped there next begins as zero again. */
void port_unmap(vaddr_t va, size_t bytes);

/* Mapped memory becomes zero again, its rights stay; the platform may take the pages back. */
void port_discard(vaddr_t va, size_t bytes);

void port_memory_get(struct port_memory *out);

/* Writes all bytes. `stream` is 1 for output and 2 for errors; one console may take both. */
void port_console_write(int stream, const void *bytes, size_t count);

/* Waits until there is input, then takes 1 to `capacity` bytes. 0: the input has ended. */
size_t port_console_read(void *bytes, size_t capacity);

/* Would port_console_read return at once? */
bool port_console_ready(void);
void port_terminal_get(struct port_terminal *out);

/* Nanoseconds: since some fixed moment, never running back; since 1970-01-01 UTC; of processor
 * time that this program has used. */
uint64_t port_monotonic_ns(void);
uint64_t port_real_ns(void);
uint64_t port_cpu_ns(void);

/* Sleeps until port_monotonic_ns() reaches `deadline` or, when `console` is set, until input
 * comes. May return early: the caller looks and waits again. */
void port_wait(uint64_t deadline_ns, bool console);

/* Processors that this program's threads may run on; at least 1. */
unsigned port_processors(void);

/* Makes `base` the calling thread's %fs base. Pre: a canonical user address. */
void port_set_fs(vaddr_t base);

/* Fills with unpredictable bytes. */
void port_entropy(void *bytes, size_t count);

/* Ends the program with `status` (0 to 255). */
_Noreturn void port_exit(int status);

/* The stack that this program was started on, [*low, *high): for a program linked with the core. */
void port_stack_get(vaddr_t *low, vaddr_t *high);

/* The boot archive: cpio (newc), possibly several one after another; readable for ever.
 * NULL with *bytes = 0 when there is none. */
const void *port_archive(size_t *bytes);
