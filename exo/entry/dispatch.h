/* The one door for the exokernel's calls. */
#pragma once

#include "exo/abi/types.h"

struct regs;
struct thread;

/* Runs call `number` for `caller`, with the arguments in its registers `r`. Returns an enum err,
 * CALL_NO_REPLY or CALL_AGAIN, and the result word in `*result`. Takes the forest lock. */
int dispatch(struct thread *caller, word_t number, const struct regs *r, word_t *result);
