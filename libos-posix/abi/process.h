/* Linux x86-64 constants and structures of the process, memory, signal and time calls. */
#pragma once

#include "exo/abi/types.h"
#include "libos-posix/abi/file.h"
#include "libos-posix/abi/signal.h"

#define PROT_READ  1u
#define PROT_WRITE 2u
#define PROT_EXEC  4u

#define MAP_SHARED          0x01u
#define MAP_PRIVATE         0x02u
#define MAP_SHARED_VALIDATE 0x03u
#define MAP_TYPE            0x0fu
#define MAP_FIXED           0x10u
#define MAP_ANONYMOUS       0x20u
#define MAP_FIXED_NOREPLACE 0x100000u

#define MREMAP_MAYMOVE 1u
#define MREMAP_FIXED   2u

#define MADV_DONTNEED 4
#define MADV_FREE     8

#define ARCH_SET_GS 0x1001u
#define ARCH_SET_FS 0x1002u
#define ARCH_GET_FS 0x1003u
#define ARCH_GET_GS 0x1004u

#define FUTEX_WAIT        0u
#define FUTEX_WAKE        1u
#define FUTEX_REQUEUE     3u
#define FUTEX_CMP_REQUEUE 4u
#define FUTEX_WAKE_OP     5u
#define FUTEX_LOCK_PI     6u
#define FUTEX_UNLOCK_PI   7u
#define FUTEX_TRYLOCK_PI  8u
#define FUTEX_WAIT_BITSET 9u
#define FUTEX_WAKE_BITSET 10u
#define FUTEX_LOCK_PI2    13u
#define FUTEX_COMMAND     0x7fu /* without PRIVATE and CLOCK_REALTIME */
#define FUTEX_PRIVATE     0x80u
#define FUTEX_REALTIME    0x100u

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define TIMER_ABSTIME            1u

#define RLIMIT_CPU        0u
#define RLIMIT_FSIZE      1u
#define RLIMIT_DATA       2u
#define RLIMIT_STACK      3u
#define RLIMIT_CORE       4u
#define RLIMIT_NPROC      6u
#define RLIMIT_NOFILE     7u
#define RLIMIT_AS         9u
#define RLIMIT_SIGPENDING 11u
#define RLIMIT_MSGQUEUE   12u
#define RLIMIT_NICE       13u
#define RLIMIT_COUNT      16u
#define RLIM_INFINITY     UINT64_MAX

#define SIGNAL_COUNT  64u /* signals are 1 to 64 */
#define SIGNAL_QUEUED 32u /* from this one on each is kept, not only the first */
#define SIGHUP        1u
#define SIGINT        2u
#define SIGQUIT       3u
#define SIGILL        4u
#define SIGTRAP       5u
#define SIGABRT       6u
#define SIGBUS        7u
#define SIGFPE        8u
#define SIGKILL       9u
#define SIGSEGV       11u
#define SIGPIPE       13u
#define SIGALRM       14u
#define SIGCHLD       17u
#define SIGCONT       18u
#define SIGSTOP       19u
#define SIGTSTP       20u
#define SIGTTIN       21u
#define SIGTTOU       22u
#define SIGURG        23u
#define SIGXCPU       24u
#define SIGXFSZ       25u
#define SIGVTALRM     26u
#define SIGPROF       27u
#define SIGWINCH      28u
#define SIGIO         29u
#define SIGSYS        31u
/* sigevent.notify */
#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD_ID 4

#define SIG_DFL      0u
#define SIG_IGN      1u
#define SIG_BLOCK    0u
#define SIG_UNBLOCK  1u
#define SIG_SETMASK  2u
#define SA_NOCLDSTOP 1u
#define SA_NOCLDWAIT 2u
#define SA_SIGINFO   4u
#define SA_ONSTACK   0x08000000u
#define SA_RESTART   0x10000000u
#define SA_NODEFER   0x40000000u
#define SA_RESETHAND 0x80000000u
#define SI_USER      0
#define SI_KERNEL    128
#define SI_QUEUE     (-1)
#define SI_TIMER     (-2)
#define SI_MESGQ     (-3)
#define SI_TKILL     (-6)
#define SS_ONSTACK   1u
#define SS_DISABLE   2u
#define MINSIGSTKSZ  2048u

#define GRND_NONBLOCK 1u
#define GRND_RANDOM   2u
#define GRND_INSECURE 4u

#define PR_SET_DUMPABLE 4
#define PR_GET_DUMPABLE 3
#define PR_SET_NAME     15
#define PR_GET_NAME     16

/* Kinds of record in the auxiliary vector. */
#define AT_NULL         0u
#define AT_IGNORE       1u
#define AT_PHDR         3u
#define AT_PHENT        4u
#define AT_PHNUM        5u
#define AT_PAGESZ       6u
#define AT_BASE         7u
#define AT_FLAGS        8u
#define AT_ENTRY        9u
#define AT_UID          11u
#define AT_EUID         12u
#define AT_GID          13u
#define AT_EGID         14u
#define AT_PLATFORM     15u
#define AT_HWCAP        16u
#define AT_CLKTCK       17u
#define AT_SECURE       23u
#define AT_RANDOM       25u
#define AT_EXECFN       31u
#define AT_SYSINFO_EHDR 33u
#define AT_DOOR         0x65786f34u /* not of Linux: port_door() */

#define CLOCK_TICKS 100u /* per second, in times() and AT_CLKTCK */

struct linux_utsname {
    char system[65], node[65], release[65], version[65], machine[65], domain[65];
};
_Static_assert(sizeof(struct linux_utsname) == 390, "struct new_utsname");

struct linux_sysinfo {
    int64_t uptime; /* seconds */
    uint64_t loads[3];
    uint64_t total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    uint16_t processes;
    uint16_t pad;
    uint32_t pad2;
    uint64_t total_high, free_high;
    uint32_t unit; /* bytes */
    uint32_t pad3;
};
_Static_assert(sizeof(struct linux_sysinfo) == 112, "struct sysinfo of x86-64");
_Static_assert(offsetof(struct linux_sysinfo, unit) == 104, "struct sysinfo of x86-64");

struct linux_rlimit {
    uint64_t current;
    uint64_t maximum;
};

struct linux_rusage {
    struct linux_timeval user, system;
    int64_t counts[14];
};
_Static_assert(sizeof(struct linux_rusage) == 144, "struct rusage of x86-64");

struct linux_tms {
    int64_t user, system, children_user, children_system; /* clock ticks */
};
