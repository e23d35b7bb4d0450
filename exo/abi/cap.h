/*
 * Capabilities, bindings and the derivation forest, as they lie in memory. Their owner may bind the
 * frames that hold them read-only and walk them; a holder of CAP_INSPECT may walk them all.
 *
 * A node is 16 bytes and lies 16-byte aligned in physical memory; its name is its physical address
 * divided by 16 (0: none), so memory above 64 GiB holds no nodes. What a node stands for follows
 * from the type of the frame that holds it (struct frame_info):
 *   FRAME_CAPTABLE  a struct cap begins with the node
 *   FRAME_NODES     node i of the 512 belongs to entry i of the page table in front of it: a page
 *                   binding, or (upper levels) the table below
 *   FRAME_IO_NODES  the same for an I/O page table: a DMA binding, or the table below
 *   FRAME_THREAD, FRAME_RING, FRAME_DISK_RING, FRAME_DEVICE, FRAME_ENV, FRAME_CPU, FRAME_GRAFT,
 * FRAME_GRAFT_MAP, FRAME_FILTERS, FRAME_TREE, FRAME_FLOWS  a binding held by that object, told
 * apart by its offset in the frame (NODE_AT_*)
 */
#pragma once

#include "exo/abi/types.h"

typedef uint32_t node_t; /* physical address of a struct node, divided by sizeof(struct node) */

struct node {
    node_t parent; /* 0: a root, made at boot; or the node is not in use, and `next` and `prev`
                      mean nothing                                                             */
    node_t child;  /* the child made last; 0: none                                             */
    node_t next;   /* the sibling made before; 0: the first one made                           */
    node_t prev;   /* the sibling made after; 0: this is parent->child                         */
};
_Static_assert(sizeof(struct node) == 16, "node names are physical addresses divided by 16");

enum cap_kind {
    CAP_NONE,
    CAP_REGION,       /* frames [base, base + count) that may be given a type                  */
    CAP_FRAMES,       /* memory of pages [base, base + count)                                  */
    CAP_ENV,          /* an environment; base: its first frame                                 */
    CAP_THREAD,       /* a thread; base: its frame                                             */
    CAP_NOTIFICATION, /* base: its frame                                                       */
    CAP_CPU,          /* CPUs [base, base + count): their slice vectors, and to read counters  */
    CAP_CONSOLE,      /* the serial ports                                                      */
    CAP_MACHINE,      /* power                                                                 */
    CAP_INSPECT,      /* may read the book-keeping of all environments                         */
    CAP_NIC,          /* the network card                                                      */
    CAP_RING,         /* packets in and out; base: its frame                                   */
    CAP_GRAFT,        /* a checked program; base: its first frame                              */
    CAP_EXTENT,       /* blocks [base, base + count) of the disk (disk.h)                      */
    CAP_DISK_RING,    /* requests to the disk; base: its frame                                 */
    CAP_PORTS,        /* I/O ports [base, base + count)                                        */
    CAP_IRQ,          /* interrupt lines [base, base + count)                                  */
    CAP_PCI,          /* PCI functions [base, base + count) of the device table (device.h)     */
    CAP_DEVICE,       /* a PCI function in one environment's hands; base: its first frame      */
    CAP_WINDOW,       /* device registers: pages [base, base + count)                          */
    CAP_ENDPOINT,     /* where senders and receivers of L4 IPC meet; base: its frame           */
    CAP_SIGNAL,       /* raises the bits `badge` of a notification by L4 IPC; base: its frame  */
    CAP_GRAFT_MAP,    /* a map of grafts; base: its first frame                                */
    CAP_FILTERS,      /* a table of filters of a ring; base: its first frame                   */
    CAP_TREE,         /* who owns which blocks (tree.h); base: its first frame                 */
    CAP_FLOWS,        /* a part of the network card (ring.h); base: its frame                  */
    CAP_KIND_COUNT
};

struct cap {
    struct node node;
    uint8_t kind;   /* enum cap_kind                                                          */
    uint8_t rights; /* set of RIGHT_*                                                         */
    uint16_t flags; /* set of CAP_ORIGIN, CAP_COUNTED, CAP_NAMED, CAP_BADGED                  */
    uint32_t base;  /* frame, CPU, block, port or line number; meaning by kind                */
    union {
        struct {
            uint32_t count;  /* of those; 1 where a kind has no range                          */
            uint32_t unused; /* 0                                                              */
        };
        uint64_t badge; /* CAP_BADGED: told to who receives by the object                      */
    };
};
_Static_assert(sizeof(struct cap) == 32, "128 capabilities fill a frame");

#define CAP_ORIGIN      1u /* the capability that made the object; the object goes with it  */
#define CAP_COUNTED     2u /* counts against its holder's guarantee                         */
#define CAP_NAMED       4u /* an ask or a guarantee was made by it (exo/abi/revoke.h)       */
#define CAP_BADGED      8u /* has a badge, which all copies of it keep                     */
#define CAPS_PER_FRAME  128u
#define CAPTABLE_FRAMES 64u
#define CAP_SLOTS       (CAPS_PER_FRAME * CAPTABLE_FRAMES)

#define IRQ_LINES 16u /* of ISA devices */

#define NODE_AT_UTCB   0u  /* FRAME_THREAD: the UTCB, child of its page binding            */
#define NODE_AT_BOUND  16u /* FRAME_THREAD: the notification bound to it                   */
#define NODE_AT_ORIGIN 32u /* FRAME_THREAD, FRAME_ENV: made by L4, child of a region        */
#define NODE_AT_COUNTS                                                                             \
    48u                      /* FRAME_THREAD: it may read counters, child of CPUs; behind it: the  \
                                graft that judges its waiting                               */
#define NODE_AT_MAPS   0u    /* FRAME_GRAFT: node i is map i, child of a map's capability    */
#define NODE_AT_ABORT  1024u /* FRAME_GRAFT: whom to tell when it is aborted                 */
#define NODE_AT_VALUES 0u    /* FRAME_GRAFT_MAP: the frames of its values                    */
#define NODE_AT_WAKES  16u   /* FRAME_GRAFT_MAP: whom to tell of records                     */
#define NODE_AT_MEMORY 0u    /* FRAME_RING: the ring's frames                                */
#define NODE_AT_FILTER 16u   /* FRAME_RING: the filter, child of the graft's capability      */
#define NODE_AT_NOTIFY 32u   /* FRAME_RING: whom to wake, child of a notification capability */
#define NODE_AT_HANDLER                                                                            \
    48u /* FRAME_RING, FRAME_DISK_RING: the handler, child of a graft's capability                 \
         */
#define NODE_AT_CARD   64u /* FRAME_RING: child of what it was made by: CAP_NIC, CAP_FLOWS */
#define NODE_AT_LARGER 0u  /* FRAME_FLOWS: child of the same                            */
#define NODE_AT_RING   0u  /* FRAME_FILTERS: the ring, child of its capability             */
#define NODE_AT_FILTERS                                                                            \
    128u /* FRAME_FILTERS: and each 128 bytes on: filter i's graft, child of its capability        \
          */
#define NODE_AT_BUFFER 0u    /* FRAME_DISK_RING: the ring's frames                           */
#define NODE_AT_EXTENT 16u   /* FRAME_DISK_RING: the blocks, child of an extent or a tree    */
#define NODE_AT_TELL   32u   /* FRAME_DISK_RING: whom to wake, child of a notification       */
#define NODE_AT_ABOVE  0u    /* FRAME_TREE: the blocks, child of an extent or of another tree */
#define NODE_AT_TYPES  0u    /* FRAME_TREE: node i is the template of type i, child of a graft's */
#define NODE_AT_PCI    0u    /* FRAME_DEVICE: the function, child of a CAP_PCI               */
#define NODE_AT_FAULT  16u   /* FRAME_DEVICE: whom to tell of faults                         */
#define NODE_AT_VECTOR 32u   /* FRAME_DEVICE: node i is message i, child of a notification   */
#define NODE_AT_WATCH  0u    /* FRAME_ENV: whom to tell of its death                         */
#define NODE_AT_KMEM   16u   /* FRAME_ENV: where page tables for mapped pages come from      */
#define NODE_AT_PORTS  48u   /* FRAME_ENV: its table of mapped ports, child of a region       */
#define NODE_AT_TABLES 1024u /* FRAME_ENV: node i is capability table i, child of a region     */
#define NODE_AT_PLACES                                                                             \
    2048u                 /* FRAME_ENV: node i is enum env_place i, child of a graft's capability */
#define NODE_AT_SLICES 0u /* FRAME_CPU: node i is slice i                                 */

/* Slots that every program finds filled when it starts; CAP_NONE where it was given none. */
enum {
    SLOT_NONE,
    SLOT_ENV,    /* itself                                       */
    SLOT_THREAD, /* its first thread                             */
    SLOT_CPU,
    SLOT_CONSOLE,
    SLOT_MACHINE,
    SLOT_INSPECT,
    SLOT_NIC,
    SLOT_ARCHIVE,    /* CAP_FRAMES: the boot archive                 */
    SLOT_IMAGE,      /* CAP_FRAMES: what it was loaded into          */
    SLOT_MEMORY,     /* CAP_REGION: memory of its own                */
    SLOT_DISK,       /* CAP_EXTENT: blocks of its own                */
    SLOT_PCI,        /* CAP_PCI: all functions                       */
    SLOT_NET,        /* CAP_ENDPOINT: who gives ports of a network   */
    SLOT_PORTS = 14, /* CAP_PORTS: of the battery clock             */
    SLOT_IRQ,        /* CAP_IRQ: all lines                          */
    SLOT_FREE = 16
};
