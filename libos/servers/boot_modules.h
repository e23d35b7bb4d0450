/*
 * Boot modules as L4 boot loaders leave them: each in pages of its own, at a physical address that
 * the generic boot information names. They and that information are kept (libos/servers/kept.h).
 */
#pragma once

#include "libos/archive.h"

/* In the boot archive: the root task, the modules with numbers from 0 on, and the command lines of
 * all, each ended by a NUL, the root task's first. */
#define L4_TASK   ".exo4/l4/task"
#define L4_MODULE ".exo4/l4/module%u"
#define L4_LINES  ".exo4/l4/lines"

/* Copies the modules, describes them in the kernel interface page, and writes the boot information.
 * `*boot_info` is its physical address. NO_MEM; BAD_ARG: the archive is damaged. */
enum err boot_modules_load(const struct archive *a, uint64_t *boot_info);
