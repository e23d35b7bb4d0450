/*
 * Reading the book-keeping of all environments: capability tables, page tables and the nodes of
 * page tables, which SLOT_INSPECT lets a program bind read-only. What is read is the live system; a
 * picture is consistent when nobody else runs meanwhile.
 *
 * Nodes in the frames of environments, threads and rings cannot be read, for other things lie
 * there, too; only that they are there is seen, from nodes beside them.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"
#include "exo/abi/kinfo.h"

enum inspect_kind {
    INSPECT_CAP,   /* a capability, in `slot`                                    */
    INSPECT_TABLE, /* a page table of `level`, which serves addresses from `va`  */
    INSPECT_SHARE, /* a share of a table of `level`, which serves addresses from `va` */
    INSPECT_PAGE,  /* a page binding at `va`                                     */
    INSPECT_SLICE  /* position `slot` of the slice vector of CPU `level`         */
};

/* A node in use, and what it stands for. */
struct inspect_item {
    enum inspect_kind kind;
    node_t name;
    struct node node;
    uint32_t env;    /* whose it is; a slice's: of the thread                      */
    slot_t slot;     /* INSPECT_CAP, INSPECT_SLICE                                 */
    struct cap cap;  /* INSPECT_CAP                                                */
    vaddr_t va;      /* INSPECT_TABLE, INSPECT_SHARE, INSPECT_PAGE                 */
    pfn_t pfn;       /* the table, also of a share; INSPECT_PAGE: the first frame shown */
    rights_t rights; /* INSPECT_PAGE, INSPECT_SHARE                                */
    uint32_t level;  /* INSPECT_TABLE, INSPECT_SHARE, INSPECT_SLICE                */
    uint32_t frames; /* INSPECT_PAGE: how many it shows                            */
};

typedef void (*inspect_fn)(void *context, const struct inspect_item *item);

/* Binds all those frames in a window of this program. BAD_CAP: no SLOT_INSPECT. NO_MEM: there are
 * more than INSPECT_FRAMES, or no memory for the window's page tables. Pre: libos_setup(). */
#define INSPECT_FRAMES 8192u
enum err inspect_open(void);

/* Takes the window away. */
void inspect_close(void);

/* Shows every capability of environment `env` in order of slots, then its page tables and pages in
 * order of addresses. Nothing when there is none of that number. */
void inspect_env(uint32_t env, inspect_fn show, void *context);

/* Shows every slice that is bound. */
void inspect_slices(inspect_fn show, void *context);

/* The node of that name, or NULL when it is 0 or cannot be read. */
const volatile struct node *inspect_node(node_t name);

/* What a kind of capability is called; "unknown": there is none of that number. */
const char *inspect_kind_name(uint32_t cap_kind);

/* What a binding is that cannot be read, by where it lies. */
const char *inspect_held_name(node_t node);

/* Where a frame of a capability table, page table or nodes is seen; NULL: it is none of those. */
const volatile void *inspect_frame(pfn_t pfn);

/* The frame that holds a node, and its offset there in bytes. */
static inline pfn_t inspect_node_frame(node_t name)
{
    return (pfn_t)(name / (PAGE_SIZE / sizeof(struct node)));
}

static inline uint32_t inspect_node_offset(node_t name)
{
    return name % (uint32_t)(PAGE_SIZE / sizeof(struct node)) * (uint32_t)sizeof(struct node);
}
