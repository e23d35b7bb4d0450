/*
 * L4 IPC: rendezvous of two threads, on the home CPU of the receiver.
 *
 * Locking: none for threads of one CPU; the forest lock when they are of two (decision 22), for map
 * items and to walk page tables.
 *
 * Invariants. ipc_check() tests them for one thread and names the broken one.
 *   I1  a thread in THREAD_IPC_SEND is in the senders of its ipc_to, and only such threads are
 *   I2  a thread that waits to receive has no sender queued that it would accept
 *   I3  the sides of a suspended transfer name each other; one sends, and one waits for the other;
 * and only such threads are in THREAD_IPC_TRANSFER
 *   I4  a thread with a sender in another's name is THREAD_NAMED
 */
#pragma once

#include "exo/abi/types.h"

struct env;
struct thread;

/* The Ipc call of the current thread, its message in registers and UTCB. The result is in its
 * registers when it next runs. */
void ipc_do(struct thread *t, word_t to, word_t from, word_t timeouts);

/* A Call with a message of the kernel's own on behalf of the current thread `t` (kernel_ipc.h),
 * never timing out; `t` goes on when the reply has come. False, and nothing done: `partner` names
 * no other thread. */
bool ipc_call_for(struct thread *t, word_t partner, unsigned kind, word_t tag, word_t word);

/* The same under the forest lock, for a `t` of this CPU that need not be the current thread. */
bool ipc_call_locked(struct thread *t, word_t partner, unsigned kind, word_t tag, word_t word);

/* The receive phase of `t`, whose send phase has ended after a suspended transfer. Under the forest
 * lock. */
void ipc_receive_phase(struct thread *t);

/* At the end of whatever may deliver messages under the forest lock: those who wait for another
 * partner now (partner.h) are given what that has sent already. */
void ipc_look_again(void);

/* If `t`, the thread that ran here, waits now, its time goes to `p`, its partner. */
void ipc_hand_on(const struct thread *t, struct thread *p);

/* Ends what `t`, a living thread of any CPU, waits for in its send phase (`send`) or its receive
 * phase (`receive`), with error 3, and a transfer in that phase with error 7; an IPC of the
 * kernel's on its behalf without one, so that `t` goes on where its registers say. Under the forest
 * lock. */
void ipc_cancel(struct thread *t, bool send, bool receive);

/* `t`, of this CPU, which is stopped, waits on behalf of the kernel (`kind`: enum ipc_kernel) for a
 * message from `from`. Under the forest lock. */
void ipc_await(struct thread *t, unsigned kind, word_t from);

/* `t`, of this CPU, is about to lose its IDs: who waits for it is told that it is not there. Under
 * the forest lock. */
void ipc_forget(struct thread *t);

/* `t`, of any CPU, has left the space `left` for another: who waits for it by its local ID there,
 * sends in its name, or is queued although its redirector would get that message now, is told that
 * it is not there. Under the forest lock. */
void ipc_left_space(struct thread *t, const struct env *left);

/* Message register i, below 64, of a sender: its own, or the kernel's. */
word_t ipc_message_word(struct thread *t, unsigned i);

/* What IPC by capability (endpoint.h) shares: the send phase to `p`, and the wait of a thread of
 * this CPU in either. */
void ipc_send(struct thread *t, struct thread *p);
void ipc_wait_until(struct thread *t, unsigned state, uint64_t deadline);

#define IPC_LEFT (~(word_t)0) /* the transfer is suspended, or was, and has ended */

/* Copies the message of `from` to `to`, typed items too, on the home CPU of `to`. 0; an error, with
 * offset, that both are to be told; or IPC_LEFT, and both were dealt with. */
word_t ipc_transfer(struct thread *from, struct thread *to);

/* The same for the items that `from`'s progress says are left, on any CPU, under the forest lock.
 */
word_t ipc_transfer_items(struct thread *from, struct thread *to);

const char *ipc_check(const struct thread *t);
