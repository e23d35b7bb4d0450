/* Messages of the kernel on a thread's behalf: what their words are, and what the reply's words do.
 */
#pragma once

#include "exo/abi/types.h"

struct thread;

/* Message register i of `t`, whose IPC is the kernel's (ipc_kernel); 0 is the tag. */
word_t kernel_message_word(struct thread *t, unsigned i);

/* `t`, whose IPC is the kernel's, has got `words` untyped words from `from`. */
void kernel_message_take(struct thread *t, struct thread *from, unsigned words);

/* `t`, of this CPU, one side of a suspended transfer, lacks a page for it: the call to its pager.
 * The forest lock is held. False, and nothing done: it has none. */
bool kernel_transfer_fault(struct thread *t, vaddr_t address, rights_t access);
