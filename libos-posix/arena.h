/*
 * All state of one POSIX system: the file system, the open files and the processes.
 *
 * It stands at the start of the layout's core range and contains no address of code, so that the
 * processes of a group can share it, each at the same address. Calls run one at a time.
 */
#pragma once

#include "libos-posix/abi_process.h"
#include "libos-posix/heap.h"
#include "libos-posix/port.h"

#define DESCRIPTOR_COUNT 1024u /* per process; RLIMIT_NOFILE */
#define NAME_BUCKETS     4096u
#define COMMAND_BYTES    16u

struct file;
struct node;
struct entry;
struct area;
struct arena;

struct descriptor {
    struct file *file; /* NULL: not open */
    bool close_on_exec;
};

/* What the ways ask for after a call, beside its result. */
struct signal_state {
    struct linux_sigaction action[SIGNAL_COUNT]; /* [signal - 1] */
    uint64_t blocked;                            /* bit signal - 1 */
    uint64_t pending;                            /* bit signal - 1 */
    struct linux_stack stack;
};

struct process {
    struct arena *arena; /* never changes */
    int32_t pid;
    struct area *areas; /* sorted by address; see area.h */
    struct node *cwd;   /* holds one `opens` of it */
    char *exe;          /* absolute path, PATH_MAX bytes from the heap; "" before exec */
    char *command_line; /* arguments with their zeros, as much as fits one page */
    size_t command_line_bytes;
    char name[COMMAND_BYTES]; /* prctl(PR_SET_NAME) */
    uint32_t umask;
    vaddr_t fs_base;
    vaddr_t break_low, break_now; /* bytes; the break area is [low, page end of now) */
    vaddr_t clear_tid;            /* set_tid_address; 0: none */
    uint64_t started_ns;          /* monotonic */
    struct signal_state signals;
    struct linux_rlimit limits[RLIMIT_COUNT];
    struct descriptor descriptors[DESCRIPTOR_COUNT];
};

struct arena {
    struct heap heap;
    struct process *first; /* the process of this address space */
    struct node *root;     /* of the file system */
    uint64_t next_inode;
    uint64_t node_count;
    uint64_t page_count;    /* pages that hold file contents */
    uint64_t unknown_calls; /* answered with ENOSYS */
    struct linux_termios termios;
    struct entry *names[NAME_BUCKETS]; /* every directory entry, by parent and name */
};

/* Makes an arena in the layout's core range, with an empty root directory and one process with
 * pid 1, no open files and no memory. NULL when the platform gives no memory. */
struct arena *arena_create(void);

/* The process whose call this is: that of this address space, once there is an arena. */
extern struct process *process_here;
static inline struct process *process_current(void)
{
    return process_here;
}

/* Marks the moment for mtime and the like. */
static inline uint64_t arena_now(void)
{
    return port_real_ns();
}
