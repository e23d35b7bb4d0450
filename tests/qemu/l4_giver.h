/* A thread of this program that answers each message with what it is to give: map and grant items
 * within one space, from the other CPU if there is one. */
#pragma once

#include <l4/ipc.h>

#include "exo/abi/types.h"

extern L4_Msg_t giver_gift; /* what it answers next */

void giver_start(void);
void giver_end(void);

/* Calls it; the caller's acceptor stays. */
L4_MsgTag_t giver_call(void);

/* Lets it map, or grant, what is readable and writable of an fpage. */
L4_MsgTag_t giver_map(L4_Fpage_t fpage, L4_Word_t base, L4_Fpage_t window);
L4_MsgTag_t giver_grant(L4_Fpage_t fpage, L4_Word_t base, L4_Fpage_t window);

/* Can `at` be read, and is `word` there? */
bool shows(vaddr_t at, L4_Word_t word);

/* Did the caller's receive phase overflow? */
bool overflow(L4_MsgTag_t tag);
