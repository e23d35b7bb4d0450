/*
 * May a `syscall` instruction become a `call`, which writes a return address below the stack
 * pointer? Not where the code around it keeps data there (the red zone of the System V ABI), which
 * it may while it calls nothing.
 */
#pragma once

#include "exo/abi/types.h"

#define PATCH_AROUND 256u /* bytes that are looked at, before and behind */

/* Does any of these bytes look like an access below the stack pointer? One through %rbp counts when
 * that is a frame's: it and the stack pointer are those at the instruction. What looks like one and
 * is not is a call that stays slow; so the bytes need not begin with an instruction. */
bool patch_code_uses_red_zone(const uint8_t *code, size_t bytes, vaddr_t stack, vaddr_t frame);
