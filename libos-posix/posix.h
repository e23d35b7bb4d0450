/*
 * libos-posix: Linux system calls as procedure calls. This is all that a way in needs.
 *
 * A way calls posix_start once, then either posix_exec (a foreign program) or posix_adopt for its
 * own image and stack (a program linked with the core), and from then on posix_syscall for each
 * call. After a call whose result it has stored, it asks posix_signal_take. Any number of threads
 * may call; they take turns.
 *
 * In a family the keeper calls posix_start, then makes the first process: a thread that calls
 * port_set_self(posix_first_task()) and then does the above without posix_start. The keeper itself
 * is the task posix_keeper_task() and then only calls posix_keeper_*.
 */
#pragma once

#include "libos-posix/abi/signal.h"

/* Makes the file system from the boot archive, and a process with the console as descriptors 0, 1
 * and 2. ENOMEM; EINVAL: the archive is damaged (what stands before the damage is there). */
long posix_start(void);

/* Tells the core that the program may use [start, end), which was mapped before.
 * EINVAL: not whole pages, or known already. ENOMEM. */
long posix_adopt(vaddr_t start, vaddr_t end, rights_t rights);

/* One Linux call for x86-64: the result, or an error number negated. Unknown numbers are counted
 * and answered with -ENOSYS. exit and exit_group do not return. */
long posix_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6);

struct task;

/* The same for a way that has not all registers at hand, and knows the task that calls, while no
 * calls are written down. Pre: not one of POSIX_ALL_REGISTERS (way/way_trampoline.h). `more`: a
 * signal may have to be delivered, or the call begins again; 0: the program can go on at once. */
struct posix_done {
    long result;
    word_t more;
};
struct posix_done posix_call(struct task *self, word_t a1, word_t a2, word_t a3, word_t a4,
                             word_t a5, word_t a6, long number);

/* Writes a line for each call to the console's stream of errors; and the numbers of calls that were
 * made and have no handler, with how often. */
void posix_trace(bool on);
void posix_trace_missing(void);

/* How many calls with an unknown number were made. */
uint64_t posix_unknown_calls(void);

struct posix_exec {
    const char *path;        /* as the program is to be found from the working directory */
    const char *const *argv; /* ended by NULL */
    const char *const *envp; /* ended by NULL */
};

struct posix_start {
    vaddr_t entry; /* first instruction */
    vaddr_t stack; /* initial stack pointer, at argc */
};

/* Loads a program into the process, which must have no memory but what was adopted. On success the
 * caller sets both registers, clears the others and jumps. After an error nothing is mapped.
 * ENOENT and the like; EACCES: not an executable regular file; ENOEXEC: no x86-64 ELF, or a
 * damaged one; ELIBBAD, EIO: its dynamic linker is none; E2BIG: arguments above 128 KiB; ENOMEM;
 * ELOOP: scripts that run scripts. */
long posix_exec(const struct posix_exec *request, struct posix_start *out);

/* Mounts the disk's file system at directory `at`, which is made if it is not there; options as
 * "ro,first=N,blocks=N", any of them. Errors of mount(2); ENXIO: there is no disk. */
long posix_mount(const char *at, const char *options);

/* What page `index` of a file begins as (port_lend): `*bytes` of it, zeroes behind them. PAGE_SIZE
 * of them are a page of the arena, unless they are the archive's. Needs no lock. */
const void *posix_page(const void *file, uint64_t index, size_t *bytes);

/* The task of the first process, and the keeper's, which has no process: for port_set_self. */
struct task *posix_first_task(void);
struct task *posix_keeper_task(void);

/*
 * What the keeper does whenever it is woken (port_wake(posix_keeper_task()) is one of the reasons),
 * has input for the terminal, or `*deadline_ns` of the last step has passed: timers that are due
 * are fired, and the moment of the next is stored (PORT_FOREVER: none).
 * The keeper never waits for the arena's lock, since who holds it may wait for the keeper.
 */
enum posix_keeper {
    POSIX_KEEPER_GO_ON,
    POSIX_KEEPER_BUSY,  /* somebody holds the lock: nothing was done; the keeper will be woken */
    POSIX_KEEPER_ENDED, /* the first process has ended and no other is left: posix_keeper_status */
};
enum posix_keeper posix_keeper_step(uint64_t *deadline_ns);
int posix_keeper_status(void); /* 0 to 255, as a shell says it: 128 + n for signal n */

/* Gives bytes of console input to the core; 0 bytes mean that the input has ended. Returns how
 * many were taken: less than `count` when the terminal's queue is full (the keeper is woken when
 * there is room), -EAGAIN when somebody holds the lock (the keeper will be woken). */
long posix_keeper_input(const void *bytes, size_t count);

/* The console's terminal has another size: its foreground group is told (SIGWINCH). False: somebody
 * holds the lock (the keeper will be woken). */
bool posix_keeper_resize(uint16_t rows, uint16_t columns);

/* A process has ended without having said so (an outsider took its memory): its tasks are ended as
 * by SIGKILL; any of them names it. If it held the lock, all invariants are tested: *broken is
 * NULL, or says which does not hold, and then the family cannot go on. BUSY: to be called again. */
enum posix_keeper posix_keeper_lost(struct task *task, const char **broken);

/* The calling thread, which was in the program's code, was interrupted by port_wake: its signals
 * are looked at, and default actions taken. Afterwards posix_signal_take as after a call. */
void posix_interrupt(void);

/* A page fault of the program's code: `*fault` says afterwards whether there is memory at all, or
 * that it is behind the end of a mapped file (SIGBUS). True: the file has grown, and the program
 * can go on. */
struct posix_fault;
bool posix_fault_repair(struct posix_fault *fault);

/* A fault of the program's code at its present instruction. `number` is the signal, `code` and
 * `address` what siginfo_t says, `trap` and `error` what the processor said. Pending afterwards:
 * posix_signal_take. A blocked or ignored one ends the process. */
struct posix_fault {
    unsigned number;
    int code;
    vaddr_t address;
    uint64_t trap, error;
};
void posix_fault(const struct posix_fault *fault);

/* A signal that is to be delivered now. */
struct posix_signal {
    unsigned number;
    struct linux_sigaction action;
    uint64_t old_mask;        /* to be restored when the handler returns */
    struct linux_stack stack; /* the alternate stack; meaningful if action.flags asks for it */
    struct linux_siginfo info;
    uint64_t trap, error; /* of a fault, else 0 */
    vaddr_t address;
};

/* Takes the next pending signal that is not blocked and has a handler, and blocks what its action
 * says. False: there is none. A signal whose default is to end the program has ended it before. */
bool posix_signal_take(struct posix_signal *out);

/* Undoes the blocking of posix_signal_take when the handler has returned. */
void posix_signal_done(uint64_t old_mask);
