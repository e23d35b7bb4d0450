/*
 * All state of one POSIX system: the file system, the open files and the processes.
 *
 * It stands at the start of the layout's core range and contains no address of code, so that the
 * processes of a family share it, each at the same address. Calls run one at a time (lock.h).
 */
#pragma once

#include "libos-posix/abi/process.h"
#include "libos-posix/base/heap.h"
#include "libos-posix/port.h"

#define DESCRIPTOR_COUNT 1024u /* per process; RLIMIT_NOFILE */
#define NAME_BUCKETS     4096u
#define COMMAND_BYTES    16u
#define TASK_COUNT       1152u /* in one family */
#define SLEEP_BITS       8u
#define SLEEP_BUCKETS    (1u << SLEEP_BITS)
#define ACTIVITY_COUNT   256u
#define MISSING_COUNT    512u /* numbers of calls that are counted one by one */
#define GROUPS_MAX       32u
#define PTY_COUNT        64u

struct file;
struct node;
struct entry;
struct area;
struct arena;
struct counter;
struct async;
struct epoll;
struct queue;
struct socket;
struct sysv;
struct inotify;
struct pty;
struct terminal;
struct mount;

struct descriptor {
    struct file *file; /* NULL: not open */
    bool close_on_exec;
};

struct signal_entry;
struct task;
struct timer;

/* Signals that wait for a task, or for any task of a process. */
struct pending {
    uint64_t set;               /* bit signal - 1 */
    struct signal_entry *first; /* what is known of them, oldest first; see signal.h */
};

/* Who a process acts as: real, effective and saved user and group, and further groups. */
struct credentials {
    uint32_t uid, euid, suid, gid, egid, sgid;
    uint32_t groups[GROUPS_MAX];
    uint32_t group_count;
};

/* An interval timer of a process: what setitimer sets, in ns. */
struct interval {
    uint64_t next; /* PORT_FOREVER: not armed */
    uint64_t period;
};

/* A ring of tasks that sleep on channels of one hash, behind its head, oldest first; see task.h. */
struct sleep_link {
    struct sleep_link *next, *prev;
};

/* What a process runs. */
struct program_text {
    uint32_t holders;
    uint32_t command_line_bytes;
    char exe[PATH_MAX];           /* absolute path; "" before exec */
    char command_line[PAGE_SIZE]; /* arguments with their zeros, as much as fits */
};

/* What area_extent found: [start, start + bytes) may be used with `rights`. */
struct extent {
    vaddr_t start;
    size_t bytes; /* 0: nothing is known */
    rights_t rights;
} __attribute__((aligned(32)));
#define EXTENT_COUNT 8u

/* A process; process.h keeps the family of them, task.h its tasks. */
struct process {
    struct arena *arena; /* never changes */
    int32_t pid, group, session;
    int32_t parent_pid;                          /* 0: the first process'                */
    struct process *next;                        /* of all in the arena */
    struct process *parent, *children, *sibling; /* P2 in process.h */
    struct task *tasks;                          /* P3 */
    unsigned task_count;
    int exit_signal;           /* sent to the parent at the end; 0: none */
    bool ending;               /* its tasks end when they leave the core */
    bool ended;                /* nothing but its status is left         */
    bool in_proc;              /* /proc has a directory of it */
    bool executed;             /* it has called execve since its birth   */
    bool stopped;              /* by a signal: its tasks rest            */
    bool stop_unseen;          /* wait has not told of the stop yet      */
    bool go_on_unseen;         /* nor of its end                         */
    struct task *vfork_waiter; /* the parent's, that waits for execve or the end */
    int status;                /* as wait4 gives it, when ended          */
    int stop_signal;
    struct credentials who;
    struct linux_sigaction action[SIGNAL_COUNT]; /* [signal - 1] */
    struct pending pending;
    struct timer *timers;                /* of timer_create */
    struct aio *aio;                     /* contexts of io_setup */
    struct interval intervals[3];        /* ITIMER_REAL, _VIRTUAL, _PROF */
    uint64_t used_ns;                    /* processor time, when ended */
    uint64_t children_ns;                /* processor time of children that were waited for */
    uint64_t cpu_before_ns;              /* of port_cpu_ns(), what others have used */
    struct process *lender;              /* whose memory it uses, as a child of vfork; or NULL */
    struct area *areas;                  /* sorted by address; see area.h */
    struct area *area_last;              /* where one was put in last; NULL: at the start */
    struct extent extents[EXTENT_COUNT]; /* of them; see area.h */
    bool extents_known;                  /* some are */
    bool locks_memory;                   /* mlockall(MCL_FUTURE) */
    struct node *root, *cwd;             /* hold one `opens` each */
    struct node *program;                /* that it runs, or NULL; holds one `opens` of it */
    struct program_text *text;           /* shared with those that run the same */
    uint32_t umask;
    int nice;
    vaddr_t break_low, break_now; /* bytes; the break area is [low, page end of now) */
    uint64_t started_ns;          /* monotonic */
    struct linux_rlimit limits[RLIMIT_COUNT];
    unsigned descriptor_least; /* those below are open: where to look for one that is not */
    unsigned descriptor_end;   /* those from here on were never set, and hold anything */
    struct descriptor descriptors[DESCRIPTOR_COUNT];
};

/* Who may use the arena; see lock.h. */
struct arena_lock {
    uint64_t state;                   /* low half: index + 1 of the task that holds it, or 0: free;
                                         high half: how many tasks want it */
    uint64_t wanted[TASK_COUNT / 64]; /* their indices */
};

struct arena {
    struct heap heap;
    struct arena_lock lock;
    struct process *first;     /* the process that the family was started for: pid 1 */
    struct process *processes; /* all, ended ones too until they were waited for */
    struct task
        *tasks[TASK_COUNT]; /* blocks are never freed; [0] is the keeper's, [1] the first's */
    struct sleep_link sleepers[SLEEP_BUCKETS];
    int32_t last_pid;
    uint32_t pidfds;                   /* files of pidfd_open */
    int end_status;                    /* of the first process, as a shell says it */
    struct signal_entry *spare_signal; /* see signal.h; NULL: none is kept */
    struct terminal *terminal;         /* the console; see terminal.h */
    struct pty *ptys[PTY_COUNT];
    struct counter *timer_files; /* see event.h */
    struct epoll *epolls;
    struct async *asyncs;
    struct socket *sockets;
    struct queue *queues;      /* of messages, see queue.h */
    struct sysv *sysv[3];      /* by kind, see sysv.h */
    int32_t last_sysv;         /* number of one */
    struct inotify *inotifies; /* see watch.h */
    uint32_t watch_count;
    uint32_t last_move; /* that was told */
    uint32_t activity[ACTIVITY_COUNT];
    struct node *root; /* of the file system */
    struct node *proc; /* the directory of that name */
    struct mount *mounts;
    uint64_t next_inode;
    uint64_t node_count;
    uint64_t page_count;             /* pages that hold file contents */
    uint64_t unknown_calls;          /* answered with ENOSYS */
    uint16_t missing[MISSING_COUNT]; /* of them, by number   */
    int64_t real_offset;   /* ns that clock_settime has moved the time of day from the platform's */
    uint64_t linger_until; /* what was sent by processes that have all ended; 0: they have not */
    bool traces;
    char host_name[65], domain_name[65];
    char link_text[PATH_MAX];          /* of a link in /proc, while it is read */
    struct entry *names[NAME_BUCKETS]; /* every directory entry, by parent and name */
};

/* Makes an arena in the layout's core range, with an empty root directory, the keeper's task, and
 * one process with pid 1, one task, no open files and no memory. NULL when the platform gives no
 * memory. */
struct arena *arena_create(void);

/* The arena of this family: at the start of the core's range. */
static inline struct arena *arena_get(void)
{
    return (struct arena *)port_layout()->core_low;
}

/* NULL when all invariants of all structures hold, else a sentence that begins with the broken
 * one's name. Pre: nobody changes them meanwhile. */
const char *arena_check(const struct arena *a);

/* The process whose areas, break and futexes are those of `p`. */
static inline struct process *process_memory(struct process *p)
{
    while (p->lender)
        p = p->lender;
    return p;
}
static inline const struct process *process_memory_of(const struct process *p)
{
    while (p->lender)
        p = p->lender;
    return p;
}

/* The time of day of this family, in ns since 1970-01-01 UTC. */
static inline uint64_t arena_now(void)
{
    return port_real_ns() + (uint64_t)arena_get()->real_offset;
}
