/*
 * The UTCB: one page of its environment that thread and kernel both read and write. Nothing in it
 * is trusted by the kernel. The first KiB is L4's, with L4Ka::Pistachio's offsets; the rest is the
 * exokernel's (Xok's u-area).
 *
 *   page + 0x000   buffer registers and thread control registers, growing down from 0x200
 *   page + 0x200   message registers MR0 ... MR63; this address is the thread's local ID, and
 *                  `mov %gs:0, reg` loads it
 *   page + 0x400   struct utcb_exo
 */
#pragma once

#include "exo/abi/types.h"

#define UTCB_BYTES      4096u
#define UTCB_MR         0x200u /* offset of MR0 in the page           */
#define UTCB_EXO        0x400u /* offset of struct utcb_exo           */
#define UTCB_GS         0x1f0u /* offset of the word that %gs:0 reads */
#define MR_IN_REGISTERS 8u     /* MR0 to MR7 pass in registers */
#define MR_COUNT        64u
#define BR_COUNT        33u

/* Thread control registers and buffer registers: words, counted from MR0. */
#define TCR_SELF          (-2) /* address of MR0: what %gs:0 reads                   */
#define TCR_IPC_LINK      (-3) /* address of Ipc's link, which the KIP names, too      */
#define TCR_THREADWORD0   (-4)
#define TCR_THREADWORD1   (-5)
#define TCR_ACTUAL_SENDER (-6)
#define TCR_INTENDED      (-7)
#define TCR_XFER_TIMEOUTS (-8)
#define TCR_ERROR         (-9)
#define TCR_FLAGS         (-10)
#define TCR_EXC_HANDLER   (-11)
#define TCR_PAGER         (-12)
#define TCR_USER_HANDLE   (-13)
#define TCR_PROCESSOR     (-14)
#define TCR_GLOBAL_ID     (-15)
#define TCR_BR0           (-16) /* BR i is word TCR_BR0 - i                          */

/* Upcalls. An entry of 0 is not taken. */
enum upcall {
    UPCALL_FAULT,     /* page fault                                                 */
    UPCALL_EXCEPTION, /* any other exception                                        */
    UPCALL_SYSCALL,   /* `syscall` with a number that is not exo4's                 */
    UPCALL_NOTIFY,    /* bits arrived at the notification bound to this thread      */
    UPCALL_SLICE_BEGIN,
    UPCALL_SLICE_END,
    UPCALL_REVOKE,
    UPCALL_RECLAIMED,
    UPCALL_PCT, /* where a protected control transfer enters                  */
    UPCALL_COUNT
};

/* What the kernel saves; no other register is touched, so that a handler returns without the
 * kernel. The first five words are an `iretq` frame. (QEMU 7.2 cannot run `iretq` in user mode
 * under SMAP; the words reached through %gs, `mov %gs:SP, %rsp; jmp *%gs:IP`, do as well:
 * libos/start.) */
struct upcall_frame {
    uint64_t ip, cs, flags, sp, ss;
    uint64_t vector;  /* x86 exception number; UPCALL_SYSCALL: the number in rax       */
    uint64_t error;   /* x86 error code                                               */
    uint64_t address; /* page fault: the address                                      */
};

/* Classes of upcalls: each has its own mask bit, stack and save area. The kernel sets the bit when
 * it delivers; the handler clears it when the save area may be overwritten again. A fault while
 * UPCALL_CLASS_FAULT is masked goes to the pager (or the exception handler), else ends the thread.
 */
enum { UPCALL_CLASS_FAULT, UPCALL_CLASS_SYSCALL, UPCALL_CLASS_EVENT, UPCALL_CLASS_COUNT };

/*
 * Events: UPCALL_NOTIFY to UPCALL_RECLAIMED. An event whose entry is 0 when it happens is not kept.
 * Else the kernel sets its bit in `pending` and, when the class is not masked, clears the bit and
 * delivers before the thread runs again, one at a time, the highest number first; `vector` of the
 * frame is the number. While the class is masked the bits wait. Who clears the mask looks at
 * `pending` and, when it is not 0, calls upcall_poll; the kernel looks by itself, too, at each
 * interrupt and exception and whenever it lets the thread run in place of another. An event whose
 * entry or stack is not the user's when it is delivered is dropped.
 *
 * A wait for a notification ends with INTERRUPTED when an event is delivered; a thread that waits
 * otherwise (IPC, protected control transfer, stopped) gets its events when that wait is over. Both
 * sides change `pending` and `notified`: by atomic instructions only. A thread may set bits of
 * `pending` itself.
 */
#define UPCALL_EVENTS                                                                              \
    (1u << UPCALL_NOTIFY | 1u << UPCALL_SLICE_BEGIN | 1u << UPCALL_SLICE_END |                     \
     1u << UPCALL_REVOKE | 1u << UPCALL_RECLAIMED)

#define REPOSSESSED_MAX 64u
#define PREFER_MAX      16u

struct utcb_exo {
    uint64_t mask;                      /* bit c: class c is masked           */
    uint64_t pending;                   /* bit u: upcall u waits for the mask */
    uint64_t entry[UPCALL_COUNT];       /* addresses of handlers              */
    uint64_t stack[UPCALL_CLASS_COUNT]; /* initial rsp; of UPCALL_PCT: stack of events */
    struct upcall_frame save[UPCALL_CLASS_COUNT];
    uint64_t badge;             /* of the message received last by endpoint or notification */
    uint64_t pct_stack;         /* initial rsp of UPCALL_PCT          */
    uint64_t env;               /* number of its environment          */
    uint64_t thread;            /* its thread number                  */
    uint64_t repossessed_count; /* counts on when the vector is full; reset by its reader */
    uint64_t repossessed[REPOSSESSED_MAX]; /* what was taken: kind << 32 | name (revoke.h) */
    uint64_t notified; /* bits that came for UPCALL_NOTIFY; the user takes them out      */
    /* Accounts of this thread's slices, written by the kernel for the thread to read. */
    uint64_t excess_ticks;   /* run after the end of its slices, in all               */
    uint64_t overruns;       /* epilogues not ended in time, in all                   */
    uint64_t forfeits;       /* slices lost for that, in all                          */
    uint64_t forfeits_ahead; /* slices still to be lost                               */
    uint64_t revoke_kind;    /* the last ask, written by the kernel                  */
    uint64_t revoke_count;
    uint64_t revoke_deadline; /* time-stamp counter                                      */
    uint64_t prefer_count;    /* what shall be taken first: kind << 32 | name            */
    uint64_t prefer[PREFER_MAX];
    uint64_t deferred;      /* slot of a notification that is to get these bits, as by notify,   */
    uint64_t deferred_bits; /* before this thread stops running; 0: nothing. Then the kernel
                               writes 0. For equals of one CPU; what is wrong is dropped; IPC and
                               protected control transfers may leave it undone meanwhile         */
};
#define UTCB_LIBRARY 0xf00u /* from here to its end the page is the library's own */
_Static_assert(sizeof(struct utcb_exo) <= UTCB_LIBRARY - UTCB_EXO, "the UTCB is one page");
