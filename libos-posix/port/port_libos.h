/* The port of the personality core to libos: what starting a program needs beside port.h. */
#pragma once

#include "exo/abi/error.h"
#include "libos/archive.h"

/* Sets libos up, maps the boot archive if the program was given it, and makes what waiting needs.
 * Call it once, before anything of the core. Errors of libos_setup and archive_map. */
enum err port_libos_init(void);

/* What port_archive() gives, as libos reads it. */
const struct archive *port_libos_archive(void);

/* A stack of `bytes` that is bound as it is used, with 1 MiB below that nobody may touch. It is
 * what port_stack_get() names from now on. *top is its end. NO_MEM. */
enum err port_libos_stack(uint64_t bytes, vaddr_t *top);

/* The program needs memory and there is none: says so on port 3, and ends as by SIGKILL. */
_Noreturn void port_libos_exhausted(void);

/* The time-stamp counter at a moment of port_monotonic_ns(); all ones for PORT_FOREVER. */
uint64_t port_libos_ticks(uint64_t deadline_ns);

/* The length of so many ticks. */
uint64_t port_libos_ns(uint64_t ticks);
