/* The one door for the exokernel's calls. */
#pragma once

#include "exo/abi/types.h"

struct thread;

/* Runs call `number` for `caller`; `reg` holds the argument registers in ABI order. Returns an enum
 * err, CALL_NO_REPLY or CALL_AGAIN, and the result word in `*result`. Takes the forest lock. */
int dispatch(struct thread *caller, word_t number, const word_t reg[6], word_t *result);
