/*
 * L4 IPC: rendezvous of two threads of one CPU, without a lock.
 *
 * Invariants. ipc_check() tests them for one thread and names the broken one.
 *   I1  a thread in THREAD_IPC_SEND is in the senders of its ipc_to, and only such threads are
 *   I2  a thread that waits to receive has no sender queued that it would accept
 *   I3  the sides of a suspended transfer name each other; one sends, and one waits for the other;
 * and only such threads are in THREAD_IPC_TRANSFER
 */
#pragma once

#include "exo/abi/types.h"

struct thread;

/* Does ipc_find walk page tables for `id`, which must not go away meanwhile? */
bool ipc_find_walks(word_t id);

/* The thread that `id`, global or local, names for `t`; NULL when there is none on this CPU. Pre:
 * the forest lock, if ipc_find_walks(id). */
struct thread *ipc_find(const struct thread *t, word_t id);

/* The Ipc call of the current thread, its message in registers and UTCB. The result is in its
 * registers when it next runs. */
void ipc_do(struct thread *t, word_t to, word_t from, word_t timeouts);

/* A Call with a message of the kernel's own on behalf of the current thread `t` (kernel_ipc.h),
 * never timing out; `t` goes on when the reply has come. False, and nothing done: `partner` names
 * no other thread. */
bool ipc_call_for(struct thread *t, word_t partner, unsigned kind, word_t tag, word_t word);

/* The same under the forest lock, for a `t` of this CPU that need not be the current thread. */
bool ipc_call_locked(struct thread *t, word_t partner, unsigned kind, word_t tag, word_t word);

/* A Time as time-stamp ticks from now; FOREVER for never. */
uint64_t ipc_deadline(unsigned time);

/* Ends a transfer that its caller had left (IPC_LEFT), with an error for each, or 0 for both. Then
 * the sender's receive phase follows. */
void ipc_transfer_end(struct thread *from, struct thread *to, word_t send_error,
                      word_t receive_error);

/* Message register i, below 64, of a sender: its own, or the kernel's. */
word_t ipc_message_word(struct thread *t, unsigned i);

#define IPC_LEFT (~(word_t)0) /* the transfer is suspended, or was, and has ended */

/* Copies the message of `from` to `to`, typed items too. 0; an error, with offset, that both are to
 * be told; or IPC_LEFT, and both were dealt with. */
word_t ipc_transfer(struct thread *from, struct thread *to);

/* The same for the items that `from`'s progress says are left. Under the forest lock. */
word_t ipc_transfer_items(struct thread *from, struct thread *to);

const char *ipc_check(const struct thread *t);
