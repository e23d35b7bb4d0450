/* Protected control transfer: calling into a thread of another environment, on this processor. Five
 * words go there and come back in registers. */
#pragma once

#include "libos/call.h"

struct pct_words {
    word_t w[5];
};

typedef void (*pct_fn)(word_t caller, struct pct_words *words);

/* Enters `thread` with `words` and waits; on success they are the answer. Errors as pct_call's
 * manual says; the words then mean nothing. */
enum err pct_call(slot_t thread, struct pct_words *words);

/* Serves for ever: each transfer runs `handler` on the stack that ends at `stack`, with the
 * caller's global thread ID; what it leaves in the words goes back. One handler an environment. */
_Noreturn void pct_serve(pct_fn handler, vaddr_t stack);
