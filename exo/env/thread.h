/*
 * Threads: execution contexts with a UTCB. A thread is one frame.
 *
 * Only its home CPU touches a thread's state, registers and queues; others ask that CPU
 * (cpu_call). Creation and destruction also hold the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/syscall.h"
#include "exo/abi/utcb.h"
#include "exo/arch/cpu.h"
#include "exo/base/list.h"
#include "exo/env/walk.h"

enum thread_state {
    THREAD_STOPPED,
    THREAD_READY,        /* in a ready queue, or about to be switched to                     */
    THREAD_RUNNING,      /* current on its CPU                                               */
    THREAD_IN_NOTIFY,    /* waits for a notification                                         */
    THREAD_PCT_IDLE,     /* waits for a protected control transfer                           */
    THREAD_PCT_CALLING,  /* waits for one to return                                          */
    THREAD_IPC_SEND,     /* waits for its partner to receive                                 */
    THREAD_IPC_RECEIVE,  /* waits for a partner to send                                      */
    THREAD_IPC_TRANSFER, /* waits for its partner to go on with their transfer */
    THREAD_DEAD          /* its UTCB is gone                                                 */
};

/* The home of a thread that moves just now: whoever finds it so waits for the forest lock. */
#define CPU_NONE 0xffffu

enum thread_kind {
    THREAD_NO_FPU = 1,     /* it has no extended state                                       */
    THREAD_REDIRECTED = 2, /* env_is_redirected: no message of its own goes by itself        */
    THREAD_LINE = 4,       /* it is an interrupt line, without env and UTCB, and never runs   */
    THREAD_ALONE = 8,      /* it is limited (meter.h), or has pages of code only: few fast paths */
    THREAD_TOLD = 16,      /* bits of the notification bound to it wait for its next open IPC */
    THREAD_COUNTERS = 32,  /* it may read this CPU's performance counters                    */
    THREAD_NAMED = 64,     /* who is queued to send to it may do so in the name of whom it calls */
    THREAD_JUDGED = 128    /* env_is_judged: grafts see its page faults or foreign calls first */
};

/* Whose the message of a thread in THREAD_IPC_SEND or THREAD_IPC_RECEIVE is. */
enum ipc_kernel {
    IPC_OWN,
    IPC_PAGE_FAULT, /* the kernel's on its behalf, as the others: to its pager          */
    IPC_EXCEPTION,  /* to its exception handler                                         */
    IPC_START,      /* from its pager: where it shall start                             */
    IPC_INTERRUPT,  /* a line's, to its handler; and the handler's acknowledgement      */
    IPC_PREEMPTION, /* to its scheduler or exception handler                            */
    IPC_PORT_FAULT  /* to its pager: I/O ports that it lacks                            */
};

/* Limits of its time (meter.h). */
struct meter {
    uint64_t slice, quantum; /* ticks; FOREVER: endless                                  */
    uint64_t delay;          /* of its preemption; 0: none                               */
    uint8_t sensitive;       /* up to which priority                                     */
    bool own_slice;          /* somebody has said what its slice is                      */
};

#define UTCB_NONE (~(vaddr_t)0) /* utcb_va of an inactive L4 thread: it has none yet */

/* How far the typed items of a message have got, as its sender keeps it. */
struct transfer {
    uint64_t copied;   /* bytes of all its strings so far                               */
    uint64_t done;     /* and of the current item                                       */
    uint64_t deadline; /* for page faults; 0: none has been met                         */
    uint32_t budget;   /* bytes until interrupts are taken                              */
    uint8_t item;      /* the message register in which the current item begins         */
    uint8_t buffer;    /* the buffer register of the next string's buffer; 0: none is left */
};

/* How far an Unmap that was interrupted has got. */
struct unmap {
    uint64_t va, end; /* what is left of the current fpage                               */
    rights_t taken;   /* from what was mapped from it, or with `flush` from itself, too  */
    rights_t used;    /* so far                                                          */
    bool flush;
    struct walk walk; /* over what was mapped from the page at `va`                      */
    uint8_t item;     /* the message register of the current fpage                       */
    uint8_t count;    /* of fpages; 0: there is no such Unmap                            */
};

/* What a page_unbind that is to be entered again has done. */
struct unbinding {
    uint64_t of; /* its run, or the address of its entries                          */
    uint64_t env;
    uint32_t done; /* of its pages; 0: there is no such call                          */
};

struct thread {
    struct node utcb_node;     /* child of the page binding that is the UTCB                */
    struct node notify_node;   /* child of the capability of the notification bound to it  */
    struct node memory_node;   /* made by ThreadControl: child of the region that it lies in  */
    struct node counters_node; /* child of the CPUs whose counters it may read             */
    struct arch_thread arch;   /* its registers and extended state                          */

    struct env *env;           /* NULL: a line                                              */
    struct env_counts *counts; /* of its environment on its CPU                             */
    uint8_t *utcb;             /* the UTCB page in the kernel's map; NULL: a line           */
    vaddr_t utcb_va;           /* and in the env's space                                    */
    uint64_t global_id;        /* number << 32 | version                                    */
    uint32_t number;
    uint8_t priority;
    uint8_t guard; /* no priority below or at this one preempts it without more (meter.h) */
    union {        /* one word, so that a fast path asks all of it at once (struct cpu)         */
        struct {
            uint16_t cpu; /* home                                                     */
            union {       /* and for fast entries, asked with TRAPS_SLOWLY                */
                struct {
                    bool events;  /* look at its `pending` before it leaves to the user       */
                    uint8_t kind; /* enum thread_kind: threads of a kind change places fast   */
                };
                uint16_t trapping;
            };
            uint8_t state;      /* enum thread_state                                        */
            bool timed;         /* in the CPU's sleepers                                    */
            uint8_t ipc_kernel; /* enum ipc_kernel                                       */
            bool pct_closed;    /* THREAD_PCT_IDLE: without an entry for transfers          */
        };
        uint64_t readiness;
    };
    struct list queue;      /* ready queue, or the waiters of a notification             */
    struct list env_link;   /* the env's threads                                         */
    struct list sleep_link; /* the CPU's sleepers, when a deadline is set                */
    uint64_t deadline;
    struct list timer_link; /* the CPU's timers, when its timer is set                   */
    uint64_t timer;
    uint64_t timer_bits;
    uint64_t excess;   /* ticks run in epilogues that no forfeit has paid for yet   */
    uint32_t overruns; /* in a row                                                  */
    uint32_t forfeits; /* slices still to be lost                                   */

    uint64_t awaited_bits;       /* THREAD_IN_NOTIFY                                          */
    struct thread *woken_before; /* in its CPU's `woken`: the one before; then `awaited_bits`  */
    word_t woken_error;          /* is what it gets, with this                                 */
    _Alignas(16) struct node wake_node; /* child of the graft that judges its waiting */
    uint64_t judged_bits;           /* the same with a graft at wake_node; then awaited_bits is 0 */
    struct notification *judged_at; /* where it waits for those                            */
    struct list bound_link;         /* the notification bound to it, by `bound_bits`          */
    uint64_t bound_bits;
    struct thread *pct_caller; /* whom it serves; NULL: nobody, or an asynchronous transfer */
    uint64_t pct_slot;         /* of its last call: the capability that was found there     */
    struct thread *pct_target; /* and its thread, THREAD_PCT_CALLING: whom it waits for,    */
    uint64_t pct_epoch;        /* as long as this is thread_epoch                           */

    struct list senders;       /* threads in THREAD_IPC_SEND to this one                    */
    struct list send_link;     /* the partner's `senders`                                   */
    struct thread *ipc_to;     /* THREAD_IPC_SEND                                           */
    uint64_t ipc_from;         /* whom it receives from next: an ID, any, or nil            */
    uint64_t ipc_timeouts;     /* as given                                                  */
    uint64_t ipc_kernel_tag;   /* of the kernel's message                                */
    uint64_t ipc_kernel_word;  /* and its MR1: the address of a page fault               */
    uint64_t ipc_intended;     /* to whom it would send but for its redirector; or 0     */
    uint64_t ipc_virtual;      /* in whose name it sends (a global ID); 0: its own       */
    uint64_t ipc_via;          /* the slot's or reply's ID by which it sends; 0: a thread's    */
    uint64_t ipc_badge;        /* what the receiver is told then                              */
    struct cap *ipc_cap;       /* by this it is queued at an endpoint or a notification; or NULL */
    struct thread *ipc_server; /* whom its ipc_from waits for, if that is its ipc_reply        */
    union {
        uint64_t ipc_reply;   /* ID by which its last call by endpoint is answered             */
        uint32_t ipc_replies; /* its lower half, which each such call moves by L4_REPLY_STEP  */
    };
    uint64_t scheduler; /* ID of who may schedule it; nil: those of its own space     */
    bool halted;        /* stops before it leaves to the user; `events` is set too    */
    uint16_t counters;  /* CPUs whose performance counters it may read, a bit each    */
    bool code_only;     /* it does not read pages marked PAGE_NOTE_CODE               */
    bool limited;       /* meter_is_limited                                           */
    struct meter meter;
    uint64_t slice_left; /* ticks; FOREVER: endless                                   */
    uint64_t quantum_left;
    uint64_t run_from;    /* metered and current: since then it is not charged         */
    uint64_t delay_until; /* its preemption is delayed; 0: it is not                   */
    uint8_t due;          /* what it tells before it leaves to the user; `events` too  */

    struct transfer transfer;     /* of its message                                         */
    struct thread *transfer_with; /* the other side of a suspended transfer, or NULL         */
    bool transfer_sends;          /* this is the sender                                      */
    uint64_t transfer_from;       /* ipc_from and ipc_timeouts of that IPC, while those are   */
    uint64_t transfer_timeouts;   /* the page fault's; and so is its virtual sender          */
    uint64_t transfer_virtual;
    uint64_t transfer_via;   /* its ipc_via                                              */
    uint8_t transfer_kernel; /* and its ipc_kernel                                       */

    struct unmap unmap;
    struct unbinding unbinding;
    vaddr_t utcb_wanted; /* inactive: where ThreadControl has its UTCB; 0: nowhere yet      */
};
_Static_assert(offsetof(struct thread, arch) == ARCH_THREAD_IN_FULL, "the CPU's entries know it");
_Static_assert(offsetof(struct thread, cpu) == offsetof(struct thread, readiness) &&
                   offsetof(struct thread, pct_closed) == offsetof(struct thread, readiness) + 7,
               "one word");
_Static_assert(sizeof(struct thread) <= PAGE_SIZE, "a thread is one frame");

/* Bits of `trapping`: it has events, or THREAD_JUDGED. */
#define TRAPS_SLOWLY (UINT8_MAX | THREAD_JUDGED << 8)

/* The part of `readiness` that says whose its message is. */
#define READINESS_KERNEL(whose)                                                                    \
    ((uint64_t)(whose) << 8 * (offsetof(struct thread, ipc_kernel) -                               \
                               offsetof(struct thread, readiness)))

#define READINESS_BYTE(field) (offsetof(struct thread, field) - offsetof(struct thread, readiness))

/* The word of a thread of CPU `cpu` that is in `state` and of that kind, and nothing else. */
static inline uint64_t thread_readiness(uint32_t cpu, enum thread_state state, uint8_t kind)
{
    union {
        uint16_t cpu;
        uint8_t bytes[8];
        uint64_t word;
    } r = {.word = 0};

    r.cpu = (uint16_t)cpu;
    r.bytes[READINESS_BYTE(state)] = (uint8_t)state;
    r.bytes[READINESS_BYTE(kind)] = kind;
    return r.word;
}

/* Has `t` something left to do in the kernel before it leaves to the user (hook_go_on)? */
static inline bool thread_goes_on(const struct thread *t)
{
    return t->transfer_with || t->unmap.count;
}

/* The user's registers. */
static inline struct regs *thread_regs(struct thread *t)
{
    return &t->arch.regs;
}

/* Counts the thread capabilities that were taken away, each before its object can go. */
extern volatile uint64_t thread_epoch;

/* The exokernel's part of a thread's UTCB. The user writes to it at any time: read once. */
static inline volatile struct utcb_exo *thread_exo(const struct thread *t)
{
    return (volatile struct utcb_exo *)(t->utcb + UTCB_EXO);
}

/* Message register i, or with TCR_* a thread control register. */
static inline volatile uint64_t *thread_mr(const struct thread *t, int i)
{
    return (volatile uint64_t *)(t->utcb + UTCB_MR) + i;
}

/* Threads by number; thread_nobody, which has no ID and no state in which it is spoken to, where
 * there is none. */
extern struct thread *thread_table[THREAD_MAX];
extern struct thread thread_nobody;

/* The thread with that number, or NULL. */
struct thread *thread_by_number(uint32_t number);

/* Some thread: the one with that number if there is one. */
static inline struct thread *thread_or_nobody(uint64_t number)
{
    return thread_table[number % THREAD_MAX];
}

/* Boot, once: there is no thread. */
void thread_table_init(void);

/* The lowest number from `from` on that a thread has, or THREAD_MAX. */
uint32_t thread_number_used(uint32_t from);

/* The lowest number free, or 0. */
uint32_t thread_number_free(void);

/* Fills a zeroed thread in `frame` and enters it into the tables, stopped. Pre: `number` is free;
 * `utcb` is the kernel's address of the page at `utcb_va`. */
struct thread *thread_init(pfn_t frame, uint32_t number, struct env *e, void *utcb,
                           vaddr_t utcb_va);

/* The same for interrupt line `number`: a thread without environment, UTCB and registers. */
struct thread *thread_init_line(pfn_t frame, uint32_t number);

/* Whether `t`, which runs here or is stopped, has extended state. */
void thread_set_fpu(struct thread *t, bool on);

/* Whether `t`, which runs here or is stopped, cannot read pages marked PAGE_NOTE_CODE. Pre:
 * arch_has_code_only(). */
void thread_set_code_only(struct thread *t, bool on);

/* Which CPUs' performance counters `t`, of any CPU, may read, a bit each. Under the forest lock. */
void thread_set_counters(struct thread *t, uint16_t cpus);

/* `t` has this CPU as its home now: may it read its performance counters? */
void thread_apply_counters(struct thread *t);

/* Gives `t`, of this CPU, THREAD_ALONE as its limits (meter.h) and its pages of code say. */
void thread_set_alone(struct thread *t);

/* Whether `t`, of any CPU, has THREAD_REDIRECTED, THREAD_TOLD or THREAD_NAMED: then its IPC takes
 * the general path; or THREAD_JUDGED. Under the forest lock. */
void thread_set_unusual(struct thread *t, enum thread_kind bit, bool on);

/* Whether env_is_redirected, or env_is_judged, has changed: its threads have THREAD_REDIRECTED, or
 * THREAD_JUDGED, accordingly. */
void thread_set_redirected(struct env *e);
void thread_set_judged(struct env *e);

/* Ends a call of `t`, which waits or runs, with these. Registers that a call does not keep hold
 * nothing of the kernel's afterwards. */
void thread_reply(struct thread *t, word_t error, word_t result);

/* Starts a stopped thread; stops one for good or until it is started. On any CPU. */
void thread_start(struct thread *t);
void thread_stop(struct thread *t);

/* Makes `cpu`, which runs, the home of `t`, which lives and has no slices elsewhere, and sets its
 * priority; `by_itself`: by a call of `t`, whose registers are saved and have its results. Else
 * nothing has changed: BAD_STATE when it is in a protected control transfer, CALL_AGAIN when it
 * waits for the forest lock to make a call. Under that lock. */
int thread_move(struct thread *t, uint32_t cpu, uint8_t priority, bool by_itself);

/* What thread_move would say of `t`, asked on its home CPU. */
int thread_may_move(const struct thread *t, bool by_itself);

/* Stops `t` for ever; its UTCB may go. On any CPU. */
void thread_kill(struct thread *t);

/* Takes a killed thread out of all tables; its frame may go. On any CPU. */
void thread_forget(struct thread *t);
