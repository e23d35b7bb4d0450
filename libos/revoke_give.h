/* What libos/revoke.c gives by itself when it is asked: things that the program did not name. */
#pragma once

#include "libos/revoke.h"

/* Gives up to `count` of `kind` before `deadline`, what is used least first: frames that are kept
 * and not used, then pages by the choice of paged ranges; of all else things whole, and a range of
 * blocks, lines or ports only when it is not more than is missing. Returns how much was given. */
uint32_t revoke_give(enum revoke_kind kind, uint32_t count, uint64_t deadline, revoke_use_fn use);
