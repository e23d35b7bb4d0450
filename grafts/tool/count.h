/* Executed instructions, counted by running them one at a time. */
#pragma once

#include "grafts/jit.h"

/* Calls `entry` in a child and counts what it executes in [code, code + bytes). Its result goes to
 * *r0, what it writes is lost. -1: this machine lets nobody trace. */
long count_instructions(graft_jit_entry entry, const void *code, size_t bytes, uint64_t r1,
                        uint64_t r2, uint64_t *r0);
