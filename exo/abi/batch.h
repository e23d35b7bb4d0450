/* Entries of page_bind, page_protect and page_unbind, and runs of the calls named alike. */
#pragma once

#include "exo/abi/graft_map.h"
#include "exo/abi/types.h"

#define BATCH_MAX 512u

/* Beside the rights that a page is bound with: those that page_protect may give it later. */
#define RIGHTS_LATER(rights) ((uint32_t)(rights) << 16)

/* In the rights of page_bind: LARGE_PAGES frames from `pfn` on, as one page of LARGE_SIZE. */
#define PAGE_LARGE  (1u << 8)
#define LARGE_PAGES 512u
#define LARGE_SIZE  (LARGE_PAGES * PAGE_SIZE)

/* The same for HUGE_PAGES frames, as one page of HUGE_SIZE. */
#define PAGE_HUGE  (1u << 9)
#define HUGE_PAGES (512u * LARGE_PAGES)
#define HUGE_SIZE  (HUGE_PAGES * PAGE_SIZE)

struct page_entry {
    vaddr_t va;      /* multiple of PAGE_SIZE, below USER_TOP                    */
    pfn_t pfn;       /* page_bind: the frame; else ignored                       */
    uint32_t rights; /* page_bind, page_protect: RIGHT_*, not empty; page_bind also RIGHTS_LATER
                        and one of PAGE_LARGE and PAGE_HUGE;
                        else ignored                                             */
};
_Static_assert(sizeof(struct page_entry) == 16, "a batch of 512 fills two pages");

/* A run: up to BATCH_MAX pages side by side, from `va` on; and the frames side by side that they
 * shall show, from `pfn` on, with `rights` as in a page_entry. */
#define PAGE_RUN(va, count)     ((word_t)(va) | (count))
#define PAGE_RUN_COUNT(run)     ((uint32_t)((run) & (PAGE_SIZE - 1)))
#define RUN_FRAMES(pfn, rights) ((word_t)(rights) << 32 | (pfn))

/* One entry of page_note. */
struct page_note {
    vaddr_t va; /* multiple of PAGE_SIZE, below USER_TOP                     */
    uint64_t
        value; /* of a page that is bound: PAGE_NOTE_BITS of it; else all but PAGE_NOTE_BOUND */
};
_Static_assert(sizeof(struct page_note) == sizeof(struct page_entry), "batches are alike");

/* Of an entry in use, the application's: three bits that mean nothing, and one for threads with
 * thread_code_only, by which what can be executed cannot be read. */
#define PAGE_NOTE_BITS  ((uint64_t)7 << 9 | PAGE_NOTE_CODE)
#define PAGE_NOTE_CODE  ((uint64_t)1 << 59)
#define PAGE_NOTE_BOUND ((uint64_t)1) /* says that an entry is in use */

/* What graft_create reads. */
struct graft_load {
    vaddr_t object;        /* an eBPF ELF object                                       */
    uint64_t bytes;        /* its length; at most GRAFT_OBJECT_MAX                     */
    vaddr_t report;        /* where a struct graft_report is written when it is refused */
    uint32_t hook;         /* enum graft_hook                                          */
    uint32_t map_count;    /* at most GRAFT_MAX_MAPS; as many as the object defines    */
    vaddr_t maps;          /* [map_count] uint32_t, slots of CAP_GRAFT_MAP             */
    uint64_t bits;         /* of the notification                                      */
    uint32_t notification; /* slot of who is told when it is aborted; SLOT_NONE: nobody */
    uint32_t frames;       /* that it is made of; 0: GRAFT_FRAMES(bytes)               */
};

/* What graft_map_create reads. */
struct graft_map_load {
    struct graft_map_def def;
    uint64_t bits;         /* ring buffers: of the notification, for each record submitted    */
    uint32_t frames;       /* slot of CAP_FRAMES for the values; SLOT_NONE where they lie in none */
    uint32_t notification; /* ring buffers: slot of who is told; SLOT_NONE: nobody            */
};

/* The most instructions, a proof half as long, and what else an object has. */
#define GRAFT_OBJECT_MAX (1024u * 1024u)
