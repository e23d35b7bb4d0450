/*
 * The kernel's book-keeping, mapped read-only into every address space. Layouts are ABI: `version`
 * changes with them. Words are written by the kernel at any time; each is read without a lock. A
 * reader who needs words to agree compares a sequence count before and after (odd: being written):
 * for an environment or an object that of its record, for frames `frame_sequence`. Counters,
 * frames' bindings among them, change without. libos/book.h reads so.
 *
 * With `hide=1` on the kernel's command line only the kernel interface page, the links and struct
 * kinfo are mapped. Records are then read by info_read, which leaves out what is others'.
 */
#pragma once

#include "exo/abi/types.h"

#define WINDOW_BASE    ((vaddr_t)0xffffff0000000000)
#define WINDOW_KIP     (WINDOW_BASE + 0x0000)     /* the L4 kernel interface page               */
#define WINDOW_LINKS   (WINDOW_BASE + 0x1000)     /* the call links that the KIP names          */
#define WINDOW_KINFO   (WINDOW_BASE + 0x2000)     /* struct kinfo                               */
#define WINDOW_ENVS    (WINDOW_BASE + 0x100000)   /* [ENV_MAX] struct env_info              */
#define WINDOW_CPUS    (WINDOW_BASE + 0x200000)   /* [cpu_count] struct cpu_info            */
#define WINDOW_DEVICES (WINDOW_BASE + 0x300000)   /* [device_count] struct device_info      */
#define WINDOW_OBJECTS (WINDOW_BASE + 0x400000)   /* [OBJECT_MAX] struct object_info        */
#define WINDOW_COUNTS  (WINDOW_BASE + 0x600000)   /* [ENV_MAX][cpu_count] struct env_counts     */
#define WINDOW_FRAMES  (WINDOW_BASE + 0x40000000) /* [frame_count] struct frame_info        */

#define CPU_STRIDE 0x1000u /* bytes from one struct cpu_info to the next  */

#define KINFO_MAGIC   0x346f7865u /* "exo4" */
#define KINFO_VERSION 4u
#define ENV_MAX       1024u
#define CPU_MAX       16u
#define SLICE_COUNT   64u
#define SLICE_MICROS  1000u
#define REGION_MAX    16u
#define NUMA_RANGES   32u

/* A thread with an entry for UPCALL_SLICE_END may run for so long after its slice, to save what it
 * wants and to call yield. What it runs then is charged: each whole slice of it costs one of its
 * slices to come. A thread that has not ended by then is preempted, loses a slice at once, and
 * after so many of these overruns in a row its environment ends. */
#define EPILOGUE_MICROS 100u
#define OVERRUNS_MAX    8u
#define DEATH_OVERRUNS  0x1000u /* env_info.death of such an environment */
#define CMDLINE_MAX     512u

enum frame_type {
    FRAME_FREE,   /* in a region, no type yet                                                */
    FRAME_ABSENT, /* no memory there, or the firmware's                                      */
    FRAME_KERNEL, /* kernel image, frame table, what boot made                               */
    FRAME_MEMORY, /* pages of an environment                                                 */
    FRAME_TABLE,  /* walked by the MMU                                                       */
    FRAME_NODES,  /* nodes of the table in front                                             */
    FRAME_CAPTABLE,
    FRAME_ENV,
    FRAME_THREAD,
    FRAME_NOTIFICATION,
    FRAME_RING,
    FRAME_GRAFT,
    FRAME_CPU,
    FRAME_STALE, /* was a table; kept until the last reader unbinds it                      */
    FRAME_DISK_RING,
    FRAME_DEVICE,
    FRAME_IO_TABLE, /* walked by the IOMMU                                                   */
    FRAME_IO_NODES, /* nodes of the I/O page table in front                                  */
    FRAME_UTCB,     /* of the L4 thread in front                                              */
    FRAME_ENDPOINT,
    FRAME_GRAFT_MAP,
    FRAME_FILTERS,
    FRAME_TREE,
    FRAME_HIDDEN = 255 /* info_read: not free, and somebody else's                              */
};

struct frame_info {
    uint8_t type; /* enum frame_type                                                      */
    union {
        uint8_t level; /* FRAME_TABLE, FRAME_IO_TABLE: 1 maps pages ... 4 the root             */
        uint8_t pins;  /* other frames: I/O page-table entries that show it to devices         */
    };
    uint16_t owner;    /* env number; 0: nobody                                                */
    uint32_t bindings; /* page-table entries that show this frame, of I/O page tables too      */
    uint32_t first;    /* first frame of the object that this frame belongs to                 */
    uint32_t origin;   /* node of the capability that typed the frame; 0: boot. FRAME_FREE: serial
                          number of the environment whose pages it was; 0: nobody's            */
};
_Static_assert(sizeof(struct frame_info) == 16, "a frame record is 16 bytes");

struct env_info {
    uint32_t sequence;
    uint32_t frame;  /* first frame of the env object; 0: no such environment               */
    uint32_t root;   /* frame of the top page table                                         */
    uint32_t parent; /* env number of the maker                                             */
    uint32_t frames; /* frames it owns, of any type                                         */
    uint32_t threads;
    uint32_t state;    /* ENV_*                                                               */
    uint32_t death;    /* 1 + vector of the fault that ended it, or DEATH_OVERRUNS; 0: no fault */
    uint64_t death_ip; /* where                                                               */
    uint64_t death_addr;
    uint32_t captables[4]; /* frames of its first capability tables                            */
    char name[32];         /* set by its maker; NUL-terminated                                    */
};
_Static_assert(sizeof(struct env_info) == 96, "env_info layout");

enum { ENV_NONE, ENV_ALIVE, ENV_DYING };

/* A ring, a disk ring or a graft. */
struct object_info {
    uint32_t sequence;
    uint32_t frame;     /* its first; 0: the record is not in use                                */
    uint16_t owner;     /* env number                                                            */
    uint8_t kind;       /* enum cap_kind                                                         */
    uint8_t state;      /* set of OBJECT_*                                                       */
    uint32_t filter;    /* CAP_RING: first frame of the graft that filters; 0: none              */
    uint32_t keys;      /* CAP_RING: bound, its filters' too; CAP_GRAFT: enum graft_hook      */
    uint32_t in_flight; /* CAP_RING, CAP_DISK_RING: in the device's hands                        */
    uint64_t counts[5]; /* COUNT_*                                                               */
};
_Static_assert(sizeof(struct object_info) == 64, "object_info layout");

#define OBJECT_DEAD        1u /* its memory or extent was taken back                           */
#define OBJECT_WAITS       2u /* more is posted than the device had room for                   */
#define OBJECT_ABORTED     8u /* CAP_GRAFT: it ran out of fuel, or of its journal; it runs no more */
#define OBJECT_FILTER_LOST 4u  /* the filter's graft was taken back: it receives nothing        */
#define OBJECT_NATIVE      16u /* CAP_GRAFT: it was compiled                                    */
#define OBJECT_MASKED      32u /* CAP_GRAFT: and its accesses are masked against speculation    */

/* Which record is whose. */
enum { OBJECT_RINGS = 0, OBJECT_DISK_RINGS = 64, OBJECT_GRAFTS = 128, OBJECT_MAX = 1152 };

/* Places in object_info.counts. Those of rings count modulo 2^32. */
/* CAP_RING, packets; COUNT_HANDLED: consumed or answered by the packet handler */
enum { COUNT_RECEIVED, COUNT_DROPPED, COUNT_MATCHED, COUNT_SENT, COUNT_HANDLED };
enum { COUNT_DONE };              /* CAP_DISK_RING, requests */
enum { COUNT_RUNS, COUNT_STEPS }; /* CAP_GRAFT: times that it ran; its longest path            */

struct slice_info {
    _Alignas(8)
        uint32_t thread; /* thread number; 0: unbound; info_read: SLICE_HIDDEN, somebody else's */
    uint32_t env; /* its environment                                                        */
};
_Static_assert(sizeof(struct slice_info) == 8, "a slice is one word, and written as such");
#define SLICE_HIDDEN (~(uint32_t)0)

struct cpu_info {
    uint32_t number;
    uint32_t apic_id;
    uint32_t online;
    uint32_t position;    /* slice being run                                         */
    uint32_t thread;      /* thread running now; 0: idle                             */
    uint32_t slice_nodes; /* frame of the nodes of its slices                      */
    uint64_t slices_run;
    struct slice_info slices[SLICE_COUNT];
    uint32_t domain; /* whose memory is near (struct numa_range)                            */
};

/*
 * What happened on a CPU for an environment, since there is one; of number 0 for those that have
 * ended. The first ones are entries into the kernel, each in one of them. Written by the CPU alone,
 * read at any time.
 */
struct env_counts {
    uint64_t calls;             /* of the exokernel                                            */
    uint64_t links;             /* L4 calls, but for transfers                                 */
    uint64_t transfers;         /* IPC, or protected control transfers, that led straight to it:
                                   who made the call is not counted                            */
    uint64_t foreign;           /* calls of other systems                                      */
    uint64_t fault_upcalls;     /* page faults taken by an upcall                              */
    uint64_t faults;            /* by a pager, a graft, or the end                             */
    uint64_t exception_upcalls; /* other exceptions                                            */
    uint64_t exceptions;        /* by a handler's thread, the end, or as L4's KernelInterface  */
    uint64_t interrupts;        /* that came while it ran                                      */

    uint64_t events;         /* upcalls of events                                           */
    uint64_t space_switches; /* times that its page tables were loaded                      */
    uint64_t tlb_flushes;    /* pages of it, or all, invalidated besides                    */
    uint64_t shootdowns;     /* of them those that this CPU asked another one for           */
    uint64_t slices;         /* of its threads that were begun                              */
    uint64_t unused[2];
};
_Static_assert(sizeof(struct env_counts) == 128, "env_counts layout");

/* Frames that are equally near to the CPUs of a domain (cpu_info.domain), if they exist. */
struct numa_range {
    pfn_t base;
    uint32_t count;
    uint32_t domain; /* the firmware's number                                               */
};

struct kinfo {
    uint32_t magic, version;
    uint32_t cpu_count;
    uint32_t frame_count;   /* records in the frame table; frame 0 first                        */
    uint64_t tsc_khz;       /* time-stamp counter ticks per millisecond                         */
    uint64_t tsc_boot;      /* its value at `boot_realtime`                                     */
    uint64_t boot_realtime; /* seconds since 1970 from the real-time clock                      */
    uint64_t archive_base;  /* physical address of the boot archive, bytes                      */
    uint64_t archive_bytes;
    uint32_t region_count; /* sigma0: SLOT_MEMORY (the largest), SLOT_FREE, SLOT_FREE + 1 ... */
    uint32_t nic_present;
    uint8_t nic_mac[6];
    uint16_t nic_mtu;
    uint32_t disk_blocks;    /* of 4 KiB; 0: no disk                                            */
    uint32_t disk_read_only; /* 1: it takes no writes                                           */
    uint32_t disk_cached;    /* 1: writes are durable after a flush only                        */
    char cmdline[CMDLINE_MAX];
    uint64_t epilogue_ticks; /* EPILOGUE_MICROS in time-stamp ticks                             */
    uint32_t frame_sequence; /* for the type, owner and origin of frames                        */
    uint32_t hidden;         /* 1: hide=1 on the command line                                   */
    uint32_t numa_count;     /* ranges below; 1 where the firmware tells nothing                */
    struct numa_range numa[NUMA_RANGES];
    uint32_t device_count; /* records at WINDOW_DEVICES (device.h)                            */
    uint32_t iommu;        /* enum iommu_state                                                */
    uint32_t nic_offloads; /* NIC_* (offload.h)                                               */
};

/* What keeps dedicated devices where they belong. */
enum iommu_state {
    IOMMU_NONE, /* nothing: no device is dedicated                                        */
    IOMMU_FULL, /* their DMA and their interrupts are confined                            */
    IOMMU_DMA,  /* their DMA is; forged interrupts were seen to get by, and the command line
                   accepts that: unsafe_messages=1                                        */
};

/* What info_read reads. */
enum info_table {
    INFO_FRAMES,  /* struct frame_info  */
    INFO_ENVS,    /* struct env_info    */
    INFO_CPUS,    /* struct cpu_info    */
    INFO_OBJECTS, /* struct object_info */
    INFO_COUNTS,  /* struct env_counts  */
    INFO_TABLE_COUNT
};
#define INFO_READ_MAX 256u    /* records in one call                                         */
#define OWNER_HIDDEN  0xffffu /* in place of an env number: somebody else                     */

#define KINFO ((const struct kinfo *)WINDOW_KINFO)
