/*
 * What a family's keeper and processes ("members") have in common: addresses, slots, requests, and
 * the records at the start of the memory that all of them see (exo/doc/decisions/0042).
 *
 * That memory is the keeper's and begins with struct family. Behind it are the list of frames, and
 * the members' page tables of level 1, to be read in place: they are the only record of who has
 * which page. Then comes the core's arena, and the whole pool of frames as it is in memory, so that
 * whoever takes a frame fills it there, before it is bound anywhere else. So each frame of the pool
 * has one binding, the keeper's, when nobody uses it.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/utcb.h"
#include "libos-posix/family/frame_list.h"

/* All that is not the program's lies from here on, the kernel's window behind it; and in one part
 * of 512 GiB, for one upper table of a member. */
#define FAMILY_SHARED ((vaddr_t)0x7f8000000000)
#define FAMILY_GIB    ((vaddr_t)1 << 30)
#define FAMILY_LIST   (FAMILY_SHARED + (16u << 20))
#define FAMILY_FRAMES (FAMILY_SHARED + (256u << 20)) /* uint32_t for each page of the arena */
#define FAMILY_VIEWS  (FAMILY_SHARED + (512u << 20))
#define FAMILY_CORE   (FAMILY_SHARED + FAMILY_GIB)
#define FAMILY_END    (FAMILY_SHARED + 32 * FAMILY_GIB)
#define FAMILY_EXTRA  (FAMILY_SHARED + 48 * FAMILY_GIB) /* what the keeper shows besides */
#define FAMILY_POOL                                                                                \
    (FAMILY_SHARED + 64 * FAMILY_GIB) /* frame n of the machine at + n * PAGE_SIZE */

/* A member's own: blocks for its threads, each of a UTCB, stacks for faults and events that are
 * always bound, a hole, and a stack for the core, bound as it is used. Near the image. */
#define FAMILY_IMAGE        ((vaddr_t)0x7fe000000000)
#define FAMILY_BLOCKS       (FAMILY_IMAGE + (64u << 20))
#define FAMILY_BLOCKS_MAX   16u
#define BLOCK_PAGES         32u
#define BLOCK_BYTES         (BLOCK_PAGES * PAGE_SIZE)
#define BLOCK_FAULT_TOP     (3 * PAGE_SIZE) /* pages 1 and 2 */
#define BLOCK_EVENT_TOP     (7 * PAGE_SIZE) /* pages 3 to 6 */
#define BLOCK_BOUND         7u              /* pages that are always bound; so is the last */
#define BLOCK_STACK_FIRST   8u
#define FAMILY_BLOCK(block) (FAMILY_BLOCKS + (block)*BLOCK_BYTES)

/* A member's slots beside those of cap.h. */
enum {
    FAMILY_SLOT_POOL = SLOT_FREE, /* CAP_FRAMES: the whole pool                             */
    FAMILY_SLOT_DISK,             /* CAP_DISK_RING, if there is one                         */
    FAMILY_SLOT_DISK_DONE,        /* its notification                                       */
    FAMILY_SLOT_NET,              /* CAP_RING, if there is a card                           */
    FAMILY_SLOT_TASK = 20         /* + number of a task: its notification, if it was needed */
};

#define MEMBERS_MAX   255u /* there may be fewer: member_count                              */
#define MEMBER_BITS   62u  /* bits of the keeper's notification: each for a few, and these: */
#define KEEPER_INPUT  ((word_t)1 << 62)
#define KEEPER_WAKE   ((word_t)1 << 63)
#define TASKS_MAX     1100u
#define MEMBER_TABLES 512u /* of level 1: a gigabyte of addresses in use */
#define TASK_NONE     UINT32_MAX
#define TASK_KEEPER   0u /* the keeper's own number; its notification is what it waits for */

_Static_assert(FAMILY_SLOT_TASK + TASKS_MAX <= CAP_SLOTS, "a table of capabilities has so many");

/* Label of a message to the keeper; its words are the sender's number and then arguments. The
 * answer is an error of exo/abi, and a word. */
enum family_request {
    REQUEST_TABLE = 1,  /* address: make the table of level 1 for it                             */
    REQUEST_EXTEND,     /* address and bytes: the arena grows                                    */
    REQUEST_FORK,       /* struct task, struct family_context, kind; answer: the copy's task     */
    REQUEST_THREAD,     /* struct task, first instruction, FAMILY_START_BYTES; answer: its task  */
    REQUEST_NOTIFY,     /* number of a task: a capability to wake it                             */
    REQUEST_MEMORY,     /* what spare members have kept is to be given back; NO_MEM: nothing     */
    REQUEST_THREAD_END, /* these three are not answered                                          */
    REQUEST_END,
    REQUEST_ABORT
};

/* Of a fork: what a copy is to have beside the core. 0: all that its parent has; else nothing, and
 * what its environment has kept is as a rule of use if that was of the same kind. With FORK_MOVE
 * the parent ends, and is not answered, unless there is an error. */
#define FORK_MOVE ((word_t)1)

/* A spare one has ended: its environment, tables and last thread wait for the next process. */
enum member_state { MEMBER_NONE, MEMBER_ALIVE, MEMBER_SPARE };

/* Frames that a task has taken and not bound yet: first << 32 | count; HAND_ANY: it is about to. */
#define HAND_EMPTY ((uint64_t)0)
#define HAND_ANY   (~(uint64_t)0)

struct family_task {
    uint32_t member; /* TASK_NONE: the record is free */
    uint32_t block;
    uint64_t thread; /* global ID */
    uint64_t hand;
    vaddr_t core;  /* struct task; 0: it is parked */
    vaddr_t begin; /* of a parked one: what it is to run; 0: nothing yet */
};

struct member {
    uint32_t state;
    uint32_t env;    /* its number, for people */
    uint32_t lock;   /* of its memory: 1 + task that has it; 0: nobody */
    uint32_t blocks; /* set of those in use */
    uint32_t parked; /* of them, those whose threads have ended and wait for the next one */
    uint32_t table_count;
    uint32_t table_last;            /* where the last search ended */
    uint32_t tables[MEMBER_TABLES]; /* address / 2 MiB */
    /* By table, the groups of 8 pages (bit: group) where something was bound since the process
     * began, but for what the keeper bound for good. */
    uint64_t groups[MEMBER_TABLES];
    uint64_t lent[MEMBER_TABLES]; /* the same of pages that a file lends, which no copy needs */
};

struct family {
    uint64_t keeper;                           /* global ID of the keeper's thread */
    vaddr_t extra_end;                         /* of what is shown besides */
    vaddr_t core_end;                          /* of what the arena has */
    vaddr_t image_low, image_data, image_high; /* from image_data on pages are each member's own */
    uint64_t disk_first, disk_blocks;          /* the extent; 0 blocks: no disk */
    bool disk_read_only;
    vaddr_t net;      /* struct family_net (net.c); 0: no card */
    vaddr_t low_page; /* of the image, which all see at address 0, to be executed; 0: none */
    struct family_task tasks[TASKS_MAX];
    uint32_t member_count; /* of what follows, as many as the pool is for */
    struct member members[];
};

#define FAMILY ((struct family *)FAMILY_SHARED)
#define POOL   ((struct frame_list *)FAMILY_LIST)
_Static_assert(sizeof(struct family) + MEMBERS_MAX * sizeof(struct member) <= 16u << 20,
               "the list of frames comes behind");
_Static_assert(MEMBERS_MAX *MEMBER_TABLES *PAGE_SIZE <= FAMILY_CORE - FAMILY_VIEWS,
               "so does the arena behind the views");

/* Where a frame of the pool is seen. */
static inline void *family_frame(pfn_t frame)
{
    return (void *)(FAMILY_POOL + frame * PAGE_SIZE);
}

/* Table `k` of a member, as the MMU has it. */
static inline const volatile uint64_t *family_view(uint32_t member, uint32_t k)
{
    return (const volatile uint64_t *)(FAMILY_VIEWS + (member * MEMBER_TABLES + k) * PAGE_SIZE);
}

/* From now on [va, va + bytes) of a table is looked at when the process is copied or ends. */
static inline void family_use(uint64_t *groups, vaddr_t va, uint64_t bytes)
{
    const uint32_t first = va / PAGE_SIZE % 512 / 8;
    const uint32_t last = (va + bytes - 1) / PAGE_SIZE % 512 / 8;

    __atomic_fetch_or(groups, (~(uint64_t)0 << first) & (~(uint64_t)0 >> (63 - last)),
                      __ATOMIC_RELAXED);
}

/* The first entry from `index` on that is to be looked at; 512: none is. */
static inline uint32_t family_used(uint64_t groups, uint32_t index)
{
    const uint64_t left = index < 512 ? groups >> index / 8 : 0;

    return !left ? 512 : left & 1 ? index : (index / 8 + (uint32_t)__builtin_ctzll(left)) * 8;
}

/* The frame behind a page of the arena. */
static inline uint32_t *family_core_frame(vaddr_t va)
{
    return (uint32_t *)FAMILY_FRAMES + (va - FAMILY_CORE) / PAGE_SIZE;
}

/* In the library's part of a UTCB, behind its hooks of upcalls. */
#define FAMILY_PLACE 0xf80u
struct family_place {
    uint32_t member, task;
    vaddr_t core;   /* struct task */
    uint64_t woken; /* an event came since the last sleep */
    vaddr_t sled;   /* where patched calls go on; behind it the word of quick.h */
};

/* In the UTCB of a new thread, from MR16 on: what it begins with. */
#define FAMILY_START       (UTCB_MR + 16u * sizeof(word_t))
#define FAMILY_START_BYTES 160u

/* What a thread is gone on with by family_resume (family_x86_64.S). */
struct family_context {
    uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip, fs;
};

#pragma GCC visibility push(hidden)
/* Returns 0, and once more 1 in who is started by family_resume with the same memory. */
_Noreturn void family_restart(vaddr_t run, vaddr_t data, vaddr_t stack);
int family_save(struct family_context *context) __attribute__((returns_twice));
_Noreturn void family_resume(struct family_context *context);
#pragma GCC visibility pop
