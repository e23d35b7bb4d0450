/* Threads of this program that make one IPC each and note what came of it; on the other CPU if
 * there is one. */
#pragma once

#include <l4/ipc.h>
#include <l4/schedule.h>

#include "libos/thread.h"

struct mate {
    struct thread thread;
    L4_ThreadId_t to, from, virtual; /* nil: without propagation */
    L4_Time_t send, receive;
    L4_Word_t word;
    volatile L4_Word_t tag, error, who, actual, got;
    volatile uint64_t back;
};

/* Where they run. */
uint32_t mate_cpu(void);

/* One whose phases wait for ever. */
struct mate mate(L4_ThreadId_t to, L4_ThreadId_t from, L4_Word_t word);

/* Starts it, and waits until L4_Schedule says `state` of it. */
L4_ThreadId_t mate_start(struct mate *m, uint32_t cpu, L4_Word_t state);
L4_Word_t mate_state(L4_ThreadId_t t);

L4_Word_t mate_local_id(const struct mate *m);

/* Waits for the end of its IPC: did that fail so? */
bool mate_told(struct mate *m, unsigned code, unsigned phase);

/* Did an IPC of the caller fail so? */
bool ipc_failed(L4_MsgTag_t tag, unsigned code, unsigned phase);
