/* The command of `make exec`, as the boot archive names it: its words, and the file it runs. */
#pragma once

#include "libos/archive.h"

struct command {
    const char **arguments, **environment; /* ended by NULL */
    struct archive_entry file;             /* what arguments[0] names; bytes 0: nothing to run */
    bool has_libos;                        /* it is marked as linked with its own library OS   */
};

/* Reads `.exo4/argv` and `.exo4/environ` and finds the file: in the archives behind the system's
 * own, through symbolic and hard links, along PATH when the name has no slash. That there is none
 * is no error here. NO_MEM. */
enum err command_read(const struct archive *a, struct command *command);
