/* What sigma0 and root share: starting a system program out of the boot archive. */
#pragma once

#include "libos/archive.h"
#include "libos/spawn.h"

/* Status of a program that ended by a fault, as a shell would say: 128 + SIGSEGV. */
#define STATUS_FAULT (128 + 11)

/* Finds `.exo4/NAME.elf`. NOT_BOUND: there is none. */
enum err program_find(const struct archive *a, const char *name, struct archive_entry *entry);

/* The note that a program has which is linked with libos-posix and starts by itself. */
#define PROGRAM_NOTE_OWNER "exo4"
#define PROGRAM_NOTE_LIBOS 1u

/* Starts `.exo4/NAME.elf`; args->image and args->name are filled in. Errors of spawn_start. */
enum err program_start(const struct archive *a, const char *name, struct spawn_args *args,
                       struct spawn_child *child);

/* Waits for a program's end, reports a fault on port 3, and says what status that is. */
int program_wait(const char *name, struct spawn_child *child);

/* Prints why on ports 2 and 3, and powers the machine off with `status`. */
_Noreturn void program_fail(int status, const char *what, const char *why);
