/*
 * What the personality core asks of the platform under it. One file implements all of it: over
 * libos in a guest, over Linux for development, and a fake for host tests.
 *
 * The core has checked every argument before it calls: addresses and lengths are whole pages, lie
 * in the layout's ranges, and a range to be mapped is free. No function here may change %fs or use
 * thread-local storage, for those belong to the program; %gs is the platform's.
 *
 * A *family* is the processes that share one arena, and their keeper (see exo/doc/decisions/0042).
 * The core's range [core_low, core_high) is one memory in all of them, at one address; all other
 * memory, the core's stack and static data too, is each process' own and is copied by port_fork.
 *
 * The arena's lock is the core's (lock.h). What a function says about it: "locked" means that the
 * caller holds it, so that the platform may not want it to make progress, nor may the keeper, as
 * far as it is asked; "unlocked" that the caller does not. Where nothing is said both happen.
 */
#pragma once

#include "exo/abi/types.h"

#define PORT_FOREVER UINT64_MAX

struct task;
struct posix_regs;

/* What the platform remembers of a task: part of `struct task`, so in the arena. Zero for a new
 * task; only the platform uses it. */
struct port_task {
    uint64_t words[4];
};

/* Three ranges of virtual addresses, [low, high), page-aligned; core is disjoint from program,
 * and map lies inside program. */
struct port_layout {
    vaddr_t program_low, program_high; /* where a program may have memory at all            */
    vaddr_t map_low, map_high;         /* where the core places what names no address       */
    vaddr_t core_low, core_high;       /* the core's own memory: nothing else may be in it  */
};

struct port_memory {
    uint64_t total_bytes; /* what this program could have at most */
    uint64_t free_bytes;
};

struct port_terminal {
    bool is_terminal; /* false: the console is a plain stream, and isatty() says no */
    uint16_t rows, columns;
};

const struct port_layout *port_layout(void);

/* The task that the calling thread performs calls for: what port_set_self, port_fork or
 * port_thread_start gave it; NULL before. Cheap: every call begins with it. */
struct task *port_self(void);
void port_set_self(struct task *self);

/*
 * Sleeping and waking: a binary semaphore for each task. port_sleep waits for its own one to be
 * raised, or until port_monotonic_ns() reaches `deadline`, or, if `console` is set and there is no
 * keeper, until input comes; it lowers the semaphore. It may return early: the caller looks, and
 * sleeps again. Unlocked.
 *
 * port_wake raises the task's semaphore. If the task runs the program's code, its thread is
 * interrupted and calls posix_interrupt (posix.h). If it is in the core, nothing interrupts it, but
 * the way looks at the semaphore after the last posix_* function has returned: raised, it calls
 * posix_interrupt before the program goes on, so that no signal that comes just then is late. A
 * task that has ended may be woken: nothing happens.
 */
void port_sleep(uint64_t deadline_ns, bool console);
void port_wake(struct task *task);

/* Adds zeroed memory to the arena: [va, va + bytes) of the core's range becomes readable and
 * writable in all processes of the family. `va` is where the last addition ended, `bytes` a
 * multiple of PORT_CORE_STEP. False: no memory. Locked, or before there is a second process. */
#define PORT_CORE_STEP ((size_t)2 << 20)
bool port_core_extend(vaddr_t va, size_t bytes);

/* Is there a keeper, and so more than one process? Without one port_fork is not called; the
 * process reads the console itself, and its sleeps end when its timers do. */
bool port_has_keeper(void);

/* Where programs that bring the core along enter this one, as by `syscall` but with the address
 * behind it in %rcx; 0: nowhere. */
vaddr_t port_door(void);

/* One page, the ELF image of functions that a program may call instead of calls (a vDSO); NULL:
 * there are none. */
const void *port_vdso(void);

/* Makes a process like the caller's: the same memory (private memory as a copy, shown arena pages
 * shared), one thread that is `child` and returns from this function too. In the parent 1; in the
 * child 0; or -ENOMEM and the like. Locked, by the parent: the child begins without the lock.
 * `program` is NULL, or names what is to be mapped in the child instead, in which nothing is mapped
 * then, up to port_settle(); `child` is then the caller (port_can_lend). Processes with one name
 * have much in common as a rule: that is all that it says. */
long port_fork(struct task *child, const void *program);

/* The same for the calling process, whose only thread calls, and the program that it is to have: it
 * goes on with nothing mapped, and what it had is gone. False: it has all that it had. Locked. */
bool port_renew(const void *program);

/* All is mapped of the program that a process begins with, or after port_fork or port_renew has
 * left it without one. */
void port_settle(void);

/* Can a thread act for several processes, by port_set_self, until one of them leaves by port_fork?
 * Then a child of vfork runs on its parent's thread (loan.h), and there are these two: */
bool port_can_lend(void);

/* The %fs base of the calling thread, as the program has left it. */
vaddr_t port_get_fs(void);

/* Goes on in the program, wherever in the core the calling thread is. `vectors`: an image of the
 * vector registers, 16 bytes aligned. Unlocked. */
_Noreturn void port_go_on(const struct posix_regs *regs, const uint8_t *vectors);

/* Starts a thread of the caller's process: `task`, which begins with `regs` in the program's code
 * and %fs at `fs_base`. ENOMEM and the like. Locked. */
long port_thread_start(struct task *task, const struct posix_regs *regs, vaddr_t fs_base);

/* Ends the calling thread, not its process. Ends the process with all that it has, after which
 * the keeper hears of it. Unlocked; the task may have been given to somebody else by now. */
_Noreturn void port_thread_end(void);
_Noreturn void port_process_end(void);

/* Makes pages of the arena visible at `va` of the program's memory, where nothing is mapped:
 * `core` is page-aligned. port_protect and port_unmap apply as to mapped memory. A copy made by
 * port_fork shows the same pages. False when out of memory; then nothing has changed. */
bool port_show(vaddr_t va, const void *core, size_t bytes, rights_t rights);

/* Private memory whose pages begin as those of `file` from page `index` on: what posix_page
 * says of them, at once or at their first use. A page of the arena may be shown until it is written
 * to. port_protect, port_unmap and port_fork as with mapped memory; port_discard makes pages begin
 * as those of the file again, or as zero. False when out of memory; then nothing has changed. */
bool port_lend(vaddr_t va, size_t bytes, rights_t rights, const void *file, uint64_t index);

/* Private memory, zero when first read, with `rights` (RIGHT_READ, _WRITE, _EXEC; 0 means that
 * any access faults). False when memory or page tables run out; then nothing has changed. */
bool port_map(vaddr_t va, size_t bytes, rights_t rights);

/* Changes the rights of mapped memory. False when out of memory; then nothing has changed. */
bool port_protect(vaddr_t va, size_t bytes, rights_t rights);

/* Gives mapped memory back. What is mapped there next begins as zero again. */
void port_unmap(vaddr_t va, size_t bytes);

/* Mapped memory becomes zero again, its rights stay; the platform may take the pages back. */
void port_discard(vaddr_t va, size_t bytes);

void port_memory_get(struct port_memory *out);

/* Writes all bytes. `stream` is 1 for output and 2 for errors; one console may take both. */
void port_console_write(int stream, const void *bytes, size_t count);

/* Waits until there is input, then takes 1 to `capacity` bytes. 0: the input has ended. Called by
 * the keeper (posix_keeper_input gives the bytes to the core), or where there is none. Unlocked. */
size_t port_console_read(void *bytes, size_t capacity);

/* Would port_console_read return at once? */
bool port_console_ready(void);
void port_terminal_get(struct port_terminal *out);

/* Nanoseconds: since some fixed moment, never running back; since 1970-01-01 UTC; of processor
 * time that this process has used. */
uint64_t port_monotonic_ns(void);
uint64_t port_real_ns(void);
uint64_t port_cpu_ns(void);

/*
 * Disks, by number: 4096-byte blocks, moved from and to pages of the arena. False: the disk failed
 * or is not there; what was to be written is undefined then. A block is durable when a flush that
 * began after it was written has returned. Locked.
 */
#define PORT_DISKS 4u
struct port_disk {
    uint64_t blocks;
    bool read_only;
};
struct port_disk_move {
    uint64_t block;
    void *page;
};
bool port_disk_get(unsigned disk, struct port_disk *out);
bool port_disk_move(unsigned disk, bool write, const struct port_disk_move *list, size_t count);
bool port_disk_flush(unsigned disk);

/*
 * The network card of the family: packets of Ethernet without their check sequence. False, NULL:
 * there is no card, no packet, no room now. A received packet is the caller's until it is freed.
 * What was sent goes at the latest with port_net_flush. When packets come, and somebody sleeps, the
 * keeper wakes and calls posix_keeper_step. Locked.
 */
#define PORT_PACKET_MAX 1514u
struct port_net {
    uint8_t mac[6];
    uint16_t mtu;
    bool sums; /* it makes the sums of TCP and UDP that are 0 in whole packets sent */
};
bool port_net_get(struct port_net *out);
bool port_net_receive(uint32_t *buffer, const uint8_t **bytes, uint32_t *length,
                      bool *is_tested); /* its sum of TCP or UDP is good, or not missed */
void port_net_free(uint32_t buffer);
uint8_t *port_net_room(void); /* PORT_PACKET_MAX bytes */
void port_net_send(uint32_t length);
void port_net_flush(void);

/* Processors that this program's threads may run on; at least 1. */
unsigned port_processors(void);

/* Makes `base` the calling thread's %fs base. Pre: a canonical user address. */
void port_set_fs(vaddr_t base);

/* Fills with unpredictable bytes. */
void port_entropy(void *bytes, size_t count);

/* Ends the keeper, or the program where there is none, with `status` (0 to 255). Unlocked. */
_Noreturn void port_exit(int status);

/* The stack that this program was started on, [*low, *high): for a program linked with the core. */
void port_stack_get(vaddr_t *low, vaddr_t *high);

/* The boot archive: cpio (newc), possibly several one after another; readable for ever.
 * NULL with *bytes = 0 when there is none. */
const void *port_archive(size_t *bytes);
