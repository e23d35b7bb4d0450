/*
 * The control calls of L4: threads, spaces, registers, scheduling. Each takes its arguments from
 * the registers of the calling thread and puts its results there.
 *
 * Locking: each takes the forest lock for its caller.
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/cpu.h"

struct env;
struct thread;

/* ThreadControl: its arguments, and what was found for them. */
struct thread_control {
    const struct thread *caller;
    word_t dest, space, scheduler, pager, utcb;
    struct thread *thread; /* NULL: it is to be made                                     */
    struct env *env;       /* NULL: a new one                                            */
    bool again;            /* it waits for the forest lock: the call is made again      */
};
#define NO_LOCATION (~(word_t)0) /* `utcb`: none is given */

void exregs_do(struct thread *caller, struct regs *r);
void thread_control_do(struct thread *caller, struct regs *r);
void space_control_do(struct thread *caller, struct regs *r);
void schedule_do(struct thread *caller, struct regs *r);
void memory_control_do(struct thread *caller, struct regs *r);

/* The active thread of `e` that lives and has that ID, global or local; or NULL. */
struct thread *control_find_own(const struct env *e, word_t id);

/* Result and ErrorCode of `caller`, 0 for none; false: it went with what the call took away. Under
 * the forest lock. */
bool control_answer(struct thread *caller, unsigned error);

/* The frame of the kernel interface page. */
pfn_t kip_frame(void);

/* The thread of any CPU whose global ID that is, which lives, and is no interrupt line; or NULL. */
struct thread *control_find(word_t id);
