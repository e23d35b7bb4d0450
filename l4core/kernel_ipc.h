/* Messages of the kernel on a thread's behalf: what their words are, and what the reply's words do.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/l4.h"

struct thread;

/* The tag of the message of a page fault that lacked one right: the bits of fpages stand the other
 * way round. */
_Static_assert(FPAGE_READ >> RIGHT_READ / 2 == FPAGE_READ &&
                   FPAGE_READ >> RIGHT_WRITE / 2 == FPAGE_WRITE &&
                   FPAGE_READ >> RIGHT_EXEC / 2 == FPAGE_EXEC,
               "the one from the other by a shift");
static inline word_t kernel_fault_tag(rights_t access)
{
    return TAG_MAKE(LABEL_PAGE_FAULT | FPAGE_READ >> access / 2, 2, 0);
}

/* Message register i of `t`, whose IPC is the kernel's (ipc_kernel); 0 is the tag. */
word_t kernel_message_word(struct thread *t, unsigned i);

/* `t`, whose IPC is the kernel's, has got `words` untyped words from `from`. */
void kernel_message_take(struct thread *t, struct thread *from, unsigned words);

/* `t`, of this CPU, one side of a suspended transfer, lacks a page for it: the call to its pager.
 * The forest lock is held. False, and nothing done: it has none. */
bool kernel_transfer_fault(struct thread *t, vaddr_t address, rights_t access);
