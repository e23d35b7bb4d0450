/*
 * What the L4 examples share. An example is written to the X.2 headers alone; what lies below them,
 * how its root space comes to have privilege, memory and a console, is start.c's.
 */
#pragma once

#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/schedule.h>
#include <l4/space.h>
#include <l4/thread.h>

#define PAGE_LOG2 12u
#define PAGE      ((L4_Word_t)1 << PAGE_LOG2)

/* The areas of the spaces that examples make. */
#define KIP_AREA  ((L4_Word_t)0x720000000000)
#define UTCB_AREA ((L4_Word_t)0x720010000000)
#define UTCB_LOG2 16u

#define LABEL_PAGE_FAULT (((L4_Word_t)-2 << 4) & (((L4_Word_t)1 << 48) - 1))

/* Where the first UTCB of a further thread of the root space can be; the others follow. */
extern L4_Word_t root_utcbs;

/* The example: its thread is of the privileged root space. Returns its status. */
int example(void);

/* A line on the console; root's space only. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what went wrong, with L4's ErrorCode, and ends the machine. */
_Noreturn void fail(const char *what);

/* Where threads begin. They must not return; the root space's image is in their spaces, too. */
typedef void (*entry_fn)(void);

L4_ThreadId_t new_thread_id(void);

/* A thread of the root space, with a stack, which runs at once. */
L4_ThreadId_t start_thread(entry_fn run);

/* A task: a space of its own with one thread, whose faults `pager` serves, in the first three steps
 * of the reference; the fourth, which the same thread takes; and both. */
L4_ThreadId_t make_task(L4_ThreadId_t pager);
void begin_task(L4_ThreadId_t t, entry_fn run);
L4_ThreadId_t start_task(entry_fn run, L4_ThreadId_t pager);

/* Ends a thread, and its space if it was the last there. */
void end_thread(L4_ThreadId_t t);

/* A thread of the root space that serves page faults for ever: whatever is in the root space is
 * mapped to the same address, with all the rights that the root has. */
L4_ThreadId_t start_image_pager(void);

/* Is `tag` that of a page fault message? */
L4_Bool_t is_page_fault(L4_MsgTag_t tag);

/* Loads a message that maps `from` in the own space, of 2^log2 bytes, to `to` in the receiver's. */
void load_map(L4_Word_t from, L4_Word_t to, unsigned log2, L4_Word_t rights);

/* The time-stamp counter: cycles, or instructions when QEMU counts these. */
L4_INLINE L4_Word_t ticks(void)
{
    L4_Word_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return high << 32 | low;
}
