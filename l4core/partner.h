/* Partners in IPC: from IDs to threads and back. */
#pragma once

#include "exo/abi/types.h"

struct thread;

/* Does ipc_find walk page tables for `id`, which must not go away meanwhile? */
bool ipc_find_walks(word_t id);

/* Is the forest lock to be held while `t` looks for `id`, and until it is done with what it found:
 * a walk of page tables, or a thread of another CPU? */
bool ipc_find_locks(const struct thread *t, word_t id);

/* The living thread that `id`, global or local, names for `t`; NULL when there is none. Pre: the
 * forest lock, if ipc_find_locks(t, id). */
struct thread *ipc_find(const struct thread *t, word_t id);

/* How `t` is told of `other`: by local ID inside one space. */
word_t ipc_name_for(const struct thread *t, const struct thread *other);

/* Would `t` take a message from `sender`? Pre: `t` waits to receive. */
bool ipc_accepts(const struct thread *t, const struct thread *sender);
