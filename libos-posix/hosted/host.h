/* What the tool's main and its port share. */
#pragma once

#include "exo/abi/types.h"

extern const void *host_archive;
extern size_t host_archive_bytes;
extern bool host_reflects;     /* calls are trapped, and the tool sets %fs itself */
extern word_t host_program_fs; /* what the program's %fs base is to be */
