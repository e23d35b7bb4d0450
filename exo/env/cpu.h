/*
 * One CPU: the thread it runs, its slices, its ready queues and its mailbox. Only that CPU touches
 * its own, but for the mailbox (its lock) and `slices` (the forest lock; the CPU reads one word).
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "exo/arch/cpu.h"
#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/base/list.h"
#include "exo/env/counts.h"
#include "exo/env/env.h"

#define PRIORITIES    256u
#define MAILBOX_SLOTS 32u
#define KIND_NONE     0xffu /* no thread is of this kind */

struct thread;

struct mail {
    void (*run)(void *);
    void *argument;
    volatile uint32_t *done; /* set to 1 afterwards */
};

struct cpu {
    struct arch_cpu arch;   /* first, so that one pointer finds both                        */
    struct thread *current; /* NULL: idle                                                   */
    uint32_t number;
    uint64_t awaits_message;  /* readiness of a thread that runs as soon as it gets an IPC,     */
    uint64_t awaits_transfer; /* or a protected control transfer, from the current one         */
    uint64_t awaits_notice;   /* and of one that waits for a notification, and could run then    */
    uint8_t like;             /* kind of the current thread; KIND_NONE: THREAD_ALONE        */
    struct env *space;        /* whose page tables are loaded; NULL: the kernel's own         */
    struct thread *chosen;    /* runs next if it can: hand-off                                */
    uint32_t judged;          /* enum fault_outcome: what a fast entry leaves to be done      */
    uint64_t said;            /* FAULT_SAID: by the graft                                     */
    const struct thread
        *refused;          /* whose message a graft has refused that a fast path asked; or NULL */
    bool choose;           /* the current thread may not be the right one any more         */
    bool ticking;          /* the timer is set for the end of the slice                    */
    uint64_t slice_end;    /* time-stamp counter                                           */
    bool begun;            /* the slice's owner has run in it, or in one just before it    */
    bool changed_hands;    /* the slice is not its owner's, but the deputy's               */
    struct thread *deputy; /* NULL: it is forfeited, and the queue runs                    */
    struct thread *ending; /* runs its epilogue; or NULL                                   */
    uint64_t ending_from;  /* since when                                                   */
    uint64_t ending_until;
    uint64_t ready_map[PRIORITIES / 64];
    struct list ready[PRIORITIES];
    struct list sleepers;     /* threads by deadline, earliest first                          */
    struct list timers;       /* threads by timer, earliest first                             */
    uint64_t meter_end;       /* the current thread's slice, quantum or delay ends            */
    uint64_t alarm;           /* when hook_alarm runs                                         */
    struct node *slice_nodes; /* [SLICE_COUNT] children of CPU capabilities                   */
    struct thread *slices[SLICE_COUNT];

    volatile uint32_t mail_lock;
    volatile uint32_t mail_first, mail_end; /* run freely                                      */
    struct mail mailbox[MAILBOX_SLOTS];
    struct thread *volatile woken; /* the last of those whose waits other CPUs have ended */

    _Alignas(PAGE_SIZE) union { /* a page by itself, which users read */
        struct cpu_info info;
        uint8_t info_page[PAGE_SIZE];
    };
};

_Static_assert(offsetof(struct cpu, current) == ARCH_CPU_CURRENT &&
                   offsetof(struct cpu, like) == ARCH_CPU_LIKE,
               "the CPU's entries know them");

/* `t` is now the current thread of `c`: what its partners are expected to be. */
void cpu_expect(struct cpu *c, const struct thread *t);

/* The CPU that runs this. */
static inline struct cpu *cpu_this(void)
{
    return (struct cpu *)arch_cpu_this();
}

/* One field of it, a word or half of one, for those to whom a register is dear. */
#define CPU_GET(field)             arch_cpu_get(offsetof(struct cpu, field))
#define CPU_IS(field, value)       arch_cpu_is(offsetof(struct cpu, field), (word_t)(value))
#define CPU_SET(field, value)      arch_cpu_set(offsetof(struct cpu, field), (word_t)(value))
#define CPU_SET_HALF(field, value) arch_cpu_set_half(offsetof(struct cpu, field), value)

/* The CPU with that number; below CPU_MAX all exist, running or not. */
struct cpu *cpu_number(unsigned number);

/* Fills the structure of CPU `number`. `nodes` stay the caller's. */
void cpu_init(unsigned number, void *stack_top, struct node *nodes);

/* Runs `run(argument)` on CPU `number` and returns when it has; meanwhile serves this CPU's own
 * mailbox. `run` may not take the forest lock. */
void cpu_call(unsigned number, void (*run)(void *), void *argument);

/* The lock of the derivation forest and the frame table. Whoever waits serves his mailbox, and mail
 * may stop or end any thread of this CPU: nothing known about threads before holds afterwards. */
void forest_lock_slow(void);
bool forest_lock_slow_for(const struct thread *t);
void forest_unlock_slow(void);

static inline void forest_lock(void)
{
    if (cpu_count > 1)
        forest_lock_slow();
}

/* The same for `t`, which runs on this CPU. False, and no lock is held, when it was stopped or
 * ended meanwhile: it may not even be memory any more. */
static inline bool forest_lock_for(const struct thread *t)
{
    return cpu_count == 1 || forest_lock_slow_for(t);
}

/* The same without waiting, so that what is known about threads still holds. False: somebody has
 * it. Waits that other CPUs have ended may not be over here (wait.h). */
bool forest_try_lock_slow(void);
static inline bool forest_try_lock(void)
{
    return cpu_count == 1 || forest_try_lock_slow();
}

static inline void forest_unlock(void)
{
    if (cpu_count > 1)
        forest_unlock_slow();
}

/* Invalidates translations of `e`, and what others may have through tables that it lends, on every
 * CPU: one page, or all when `va` is TLB_ALL. In line when that is nobody but the only CPU. */
#define TLB_ALL (~(vaddr_t)0)
void cpu_tlb_flush_slow(struct env *e, vaddr_t va);

static inline bool cpu_tlb_is_own(const struct env *e)
{
    return cpu_count == 1 && !e->lends;
}

/* The same where cpu_tlb_is_own. */
static inline void cpu_tlb_flush_own(struct env *e, vaddr_t va)
{
    if (cpu_this()->space != e)
        return;
    e->counts->tlb_flushes++;
    if (va == TLB_ALL)
        arch_tlb_all();
    else
        arch_tlb_page(va);
}

static inline void cpu_tlb_flush(struct env *e, vaddr_t va)
{
    if (cpu_tlb_is_own(e))
        cpu_tlb_flush_own(e, va);
    else
        cpu_tlb_flush_slow(e, va);
}

/* Invalidates all translations that are not global, the kernel's too, on every CPU. */
void cpu_tlb_flush_kernel(void);

/* Takes `e`'s page tables off every CPU that has them loaded. */
void cpu_space_drop(struct env *e);
