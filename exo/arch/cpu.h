/*
 * What the kernel asks of a CPU: who am I, the saved registers of a thread, and leaving to the
 * user. The kernel runs with interrupts off, except in arch_idle.
 */
#pragma once

#include "exo/abi/types.h"

#include <arch_regs.h>

/* struct arch_thread: what the CPU keeps of a thread: its registers (`regs`), extended state, the C
 * library's thread pointer and `gs_base`, the address whose word %gs:0 reads.
 * struct arch_cpu: what the CPU keeps of itself: `number`, `apic_id`, `stack` (top of the
 * kernel's), `current` (what arch_resume leaves to), `user_rsp` (in a fast entry of a call). */

/* The structure of the CPU that runs this. */
static inline struct arch_cpu *arch_cpu_this(void);

/* A word, or half of one, of the structure that begins with it (exo/env/cpu.h), `at` bytes, a
 * constant, from there; for those to whom a register is dear. */
static inline word_t arch_cpu_get(size_t at);
static inline bool arch_cpu_is(size_t at, word_t value);
static inline void arch_cpu_set(size_t at, word_t value);
static inline void arch_cpu_set_half(size_t at, uint32_t value);

/* Sets this CPU up, with `c` as what arch_cpu_this() returns on it. Boot only. */
void arch_cpu_bind(struct arch_cpu *c);

/* What a fast entry (upward.h) found of the thread that it interrupted. */
static inline struct trap_frame *arch_trap_frame(void);
static inline struct call_frame *arch_call_frame(struct arch_cpu *c);

/* The two bytes of code at `va`, which the current thread has just executed, as a little-endian
 * word; 0 when they are not both there any more. */
static inline uint32_t arch_user_code(vaddr_t va);

/* A counter that never runs back on one CPU; ticks of 1 / (1000 * tsc_khz) seconds. */
static inline uint64_t arch_ticks(void);

/* Waits for an interrupt and handles it. */
static inline void arch_idle(void);

/* Handles the interrupts that wait, if any. */
static inline void arch_interrupts_take(void);

/* Copies `count` words; the areas do not overlap. */
static inline void arch_copy_words(void *to, const void *from, size_t count);

/* Calls a function from a file that is compiled to use none of the registers of a message
 * (exo/tools/objects.mk). */
static inline word_t arch_call_aside(word_t (*function)(void *), void *argument);

/* The end of a fast IPC: leaves to `next`, which is the current thread now. The message stays in
 * the registers where it is; `name` is from whom. The other words, which the user finds where the
 * hook got them, are nothing of the kernel's. Returns `name` where an entry is a function's call.
 */
static inline word_t arch_ipc_leave(struct arch_thread *next, word_t name, word_t from,
                                    word_t timeouts, word_t tag);

/* Runs code that was made to keep registers (grafts/jit.h, GRAFT_JIT_KEEP), which nobody has to
 * save. */
static inline uint64_t arch_code_call(uint64_t (*code)(uint64_t), const void *context);

/* The ends of fast protected control transfers. As above, but that all registers are the message:
 * the callee goes on at its pct_ip and pct_sp and is told who called; the caller goes on where it
 * was. */
static inline word_t arch_pct_enter(struct arch_thread *callee, word_t name);
static inline word_t arch_pct_return(struct arch_thread *caller);

/* A hint inside a loop that waits for another CPU. */
static inline void arch_relax(void);

/* Makes `next` what arch_resume leaves to; its extended state and thread pointer are restored, and
 * those of `previous` saved. Either may be NULL. */
void arch_thread_switch(struct arch_thread *previous, struct arch_thread *next);

/* The same for two that are there, and of which arch_thread_fpu and arch_thread_counters say the
 * same. */
static inline void arch_thread_switch_like(struct arch_thread *previous, struct arch_thread *next);

/* And then of which arch_thread_code_only says the same: what `next` cannot read is as it shall
 * be, whatever the program before has changed. */
static inline void arch_thread_code_again(const struct arch_thread *next);

/* Whether `t` has extended state that is saved and restored for it; without, using that is an
 * exception. `runs`: it is what arch_resume leaves to. What it holds is kept meanwhile. */
void arch_thread_fpu(struct arch_thread *t, bool on, bool runs);

/* Whether `t` may read the CPU's performance counters; without, that is an exception. `runs` as
 * above. */
void arch_thread_counters(struct arch_thread *t, bool on, bool runs);

/* Can PAGE_NOTE_CODE keep a thread from reading? Whether it does `t`; `runs` as above. */
bool arch_has_code_only(void);
void arch_thread_code_only(struct arch_thread *t, bool on, bool runs);

/* First state of a new thread; `gs_base` as above. */
void arch_thread_init(struct arch_thread *t, vaddr_t gs_base);

/* The address of the page fault that has just been taken. */
static inline vaddr_t arch_fault_address(void);

/* The C library's thread pointer of the thread that runs. */
static inline vaddr_t arch_thread_pointer(void);

/* Leaves to the user with the registers of the thread switched to last. */
_Noreturn void arch_resume(void);

/* Ticks of the time-stamp counter in a millisecond, measured at boot. */
uint64_t arch_tick_khz(void);

#include <arch_cpu.h>
