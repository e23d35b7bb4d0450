/*
 * Grafts: what the author of a graft, its loader and the kernel agree on. Made to compile as
 * eBPF C too (clang -target bpf -ffreestanding).
 *
 * A graft is a function `uint64_t f(struct CONTEXT *)` with the context struct of its hook. It may
 * read the context and what its pointers reach, and use GRAFT_STACK_BYTES of stack.
 */
#pragma once

#include <stdint.h>

#define GRAFT_MAX_INSTRUCTIONS 65536u /* 8-byte slots; a 64-bit load takes two */
#define GRAFT_STACK_BYTES      512u
#define GRAFT_MAX_PACKET       65536u
#define GRAFT_NO_REGISTER      255u
#define GRAFT_NO_INSTRUCTION   0xffffffffu

/*
 * Context of a packet filter. A byte at data + n may be read only where the graft has compared
 * data + n + 1 (or more) with data_end; the checker follows those comparisons. Packets have at
 * most GRAFT_MAX_PACKET bytes.
 */
struct graft_packet {
    uint64_t data;     /* address of the Ethernet header                 */
    uint64_t data_end; /* address of the first byte behind the packet    */
    uint32_t length;   /* data_end - data, as a number, in bytes         */
    uint32_t nic;      /* which network card it came from, 0 is the first */
};

/* What a packet handler returns. An answer is the packet as the graft left it, or its bytes up to
 * where answer_store has begun and then what that has stored; GRAFT_ANSWER_OF(bytes) sends its
 * beginning. When there is no room for it, the ring may not send it, or bytes are missing between
 * the two, the packet is dropped. */
enum graft_verdict {
    GRAFT_PASS,    /* to the ring, as the graft left it           */
    GRAFT_DROP,    /* nobody gets it                              */
    GRAFT_CONSUME, /* the same; it counts as received             */
    GRAFT_ANSWER   /* back to the network                         */
};
#define GRAFT_ANSWER_OF(bytes) (GRAFT_ANSWER | (uint64_t)(bytes) << 32)

struct graft_wake_up {
    uint64_t raised; /* bits that it waits for               */
};

struct graft_irq {
    uint64_t count; /* how often the line has fired, this time included */
    uint64_t time;  /* time-stamp counter                   */
    uint32_t line;
    uint32_t unused;
};

struct graft_disk_done {
    uint32_t done;      /* the ring's counter, this request included if all earlier ones are done */
    uint32_t in_flight; /* requests in the disk's hands         */
    uint32_t slot;      /* of the request                       */
    uint32_t state;     /* DISK_DONE or DISK_FAILED (disk.h)    */
};

struct graft_page_fault {
    uint64_t address;
    uint64_t ip;
    uint32_t access; /* RIGHT_READ, RIGHT_WRITE or RIGHT_EXEC: the one that it lacks */
    uint32_t thread; /* its number                                   */
};

/* What a page fault's graft returns. BIND and PROTECT are done as if the thread had made the call
 * for its own environment by SLOT_ENV. When that fails, or does not give the access that is lacked,
 * it is as without a graft. */
enum graft_fault_verdict {
    GRAFT_FAULT_DEFAULT, /* as without a graft: to its upcall, else to its pager */
    GRAFT_FAULT_PAGER,   /* to its pager, whatever upcall there is        */
    GRAFT_FAULT_BIND,    /* page_bind_run of one page, at the address      */
    GRAFT_FAULT_PROTECT  /* page_protect_run of that page                 */
};
/* A page by its number in the CAP_FRAMES that the environment has in `slot`, with such rights; it
 * may have all those of the capability later. */
#define GRAFT_FAULT_BIND_OF(slot, page, rights)                                                    \
    ((uint64_t)(uint32_t)(page) << 32 | (uint64_t)(uint16_t)(slot) << 16 |                         \
     (uint64_t)(uint8_t)(rights) << 8 | GRAFT_FAULT_BIND)
#define GRAFT_FAULT_PROTECT_OF(rights) ((uint64_t)(uint8_t)(rights) << 8 | GRAFT_FAULT_PROTECT)

struct graft_system_call {
    uint64_t number;
    uint64_t argument[6]; /* rdi, rsi, rdx, r10, r8, r9                   */
    uint64_t ip;          /* behind the instruction                       */
    uint32_t thread;      /* its number                                   */
    uint32_t unused;
};
#define GRAFT_CALL_PASS ((uint64_t)1 << 63) /* no call of Linux returns that  */

/* A message on its way from a space to another: asked of the sender's, then of the receiver's. */
struct graft_ipc {
    uint64_t from, to; /* global IDs                                   */
    uint64_t label;
    uint32_t untyped, typed; /* words                                     */
    uint32_t phase;          /* enum graft_ipc_phase                      */
    uint32_t redirector;     /* its space has one (0 or 1)                */
};

enum graft_ipc_phase {
    GRAFT_IPC_SEND,   /* it leaves the space                          */
    GRAFT_IPC_RECEIVE /* it enters it                                 */
};

enum graft_ipc_verdict {
    GRAFT_IPC_DEFAULT,  /* as without a graft                           */
    GRAFT_IPC_PASS,     /* to whom it is for, whoever is the redirector */
    GRAFT_IPC_REDIRECT, /* to the redirector; without one, refused      */
    GRAFT_IPC_REFUSE    /* the sender's call fails: no such partner     */
};

struct graft_slice {
    uint64_t time;     /* time-stamp counter                           */
    uint32_t position; /* in the slice vector                          */
    uint32_t cpu;
    uint32_t thread; /* number of the thread that it is bound to       */
    uint32_t last;   /* and of the one that had the position before; 0: none of the environment */
};

struct graft_reclaim {
    uint32_t kind;     /* enum revoke_kind                             */
    uint32_t count;    /* how much is still to go                      */
    uint32_t position; /* what goes next without a graft               */
    uint32_t end;      /* positions are below this one                 */
};

/* A block of metadata. Its owner's template calls owns() for each run of blocks that it owns, of
 * any length but 0, and returns 0; anything else says that the block is malformed. */
struct graft_ownership {
    uint64_t data;         /* address of the block                     */
    uint64_t data_end;     /* 4,096 bytes behind it                    */
    uint32_t block;        /* its number                               */
    uint32_t type;         /* its type's number                        */
    uint64_t parameter[4]; /* as they were when the template was given */
};

/* Flags of a hook. */
#define GRAFT_WRITES_PACKET 1u
#define GRAFT_SAME_ANSWER                                                                          \
    2u /* the same context gives the same result: no maps, no fuel, no helper                      \
          but owns(), which other hooks do not have */

enum graft_hook {
#define HOOK(number, name, context, budget, fallback, flags, fields) GRAFT_HOOK_##name = (number),
#include "exo/abi/graft_hooks.def"
#undef HOOK
};

/* Instructions that the longest path of a graft may take; loops whose turns nobody counts share
 * what it leaves, as fuel. */
enum graft_budget {
#define HOOK(number, name, context, budget, fallback, flags, fields) GRAFT_BUDGET_##name = (budget),
#include "exo/abi/graft_hooks.def"
#undef HOOK
};

enum graft_reason {
#define REASON(name, number, text, hint) GRAFT_##name = (number),
#include "exo/abi/graft_reasons.def"
#undef REASON
};

/* Why a graft was refused, or what is known about it when `reason` is GRAFT_ACCEPTED. */
struct graft_report {
    uint32_t reason;      /* enum graft_reason                                            */
    uint32_t instruction; /* slot where the fact is missing, or GRAFT_NO_INSTRUCTION      */
    uint32_t reg;         /* register that is at fault, 0 to 10, or GRAFT_NO_REGISTER     */
    uint32_t line;        /* source line when the object tells it, else 0                 */
    int64_t need;         /* what the instruction needs, and what the checker knows;      */
    int64_t have;         /*   units as the reason says; both 0 where it speaks of none   */
    uint32_t steps;       /* accepted: instructions on the longest path                   */
    uint32_t reserved;    /* 0                                                            */
};
