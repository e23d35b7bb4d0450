/* Partners in IPC: from IDs to threads and back. */
#pragma once

#include "exo/abi/types.h"

struct env;
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

/* In whose name the message of `sender` is: its virtual sender's while that lives, else its own.
 * Pre: the forest lock, if it has one. */
const struct thread *ipc_originator(const struct thread *sender);

/* The virtual sender that `t` names for its message to `p`, if it may: it or `p` is of the space of
 * `t`, or of one whose redirector is there. Else 0: the message goes in the own name. Under the
 * forest lock. */
word_t ipc_find_virtual(const struct thread *t, const struct thread *p);

/* Messages of the threads of `e` to other spaces than its own and the redirector's go to the thread
 * `redirector` (a global ID) instead; 0: they do not. Under the forest lock. */
void ipc_set_redirector(struct env *e, word_t redirector);

/* Who gets the message of `t` to `p`: `p`, the redirector, or, when that is gone, nobody (NULL).
 * Under the forest lock, if `t` is redirected. */
struct thread *ipc_redirect(struct thread *t, struct thread *p);

/* The same where grafts of both sides' spaces have their say, which they have once for a message:
 * NULL as well when one refuses it. Under the forest lock, if either side has THREAD_REDIRECTED. */
struct thread *ipc_route(struct thread *t, struct thread *p);

/* `to` has got the propagated message of `sender`. A virtual sender that waits for `sender` alone
 * now waits for `to`, from where the answer will come. Under the forest lock. */
void ipc_propagated(const struct thread *sender, const struct thread *to);

/* The next thread whose partner that changed, and who has sent to it already; or NULL. Under the
 * forest lock. */
struct thread *ipc_waits_anew(void);

/* The first queued sender that `t`, of this CPU, accepts; or NULL. */
struct thread *ipc_find_sender(const struct thread *t);

/* Would `t` take a message from `sender`? Pre: `t` waits to receive. */
bool ipc_accepts(const struct thread *t, const struct thread *sender);
