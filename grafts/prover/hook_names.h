/* Hooks by their names in exo/abi/graft_hooks.def. */
#pragma once

#include <stdint.h>

/* The hook by its name, in any case, up to a '/'; 0 when none is called so. */
uint32_t hook_by_name(const char *name);

/* Its name, or "?". */
const char *hook_name(uint32_t hook);
