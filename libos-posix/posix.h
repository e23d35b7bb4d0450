/*
 * libos-posix: Linux system calls as procedure calls. This is all that a way in needs.
 *
 * A way calls posix_start once, then either posix_exec (a foreign program) or posix_adopt for its
 * own image and stack (a program linked with the core), and from then on posix_syscall for each
 * call. After a call whose result it has stored, it asks posix_signal_take. One thread at a time.
 */
#pragma once

#include "libos-posix/abi_signal.h"

/* Makes the file system from the boot archive, and a process with the console as descriptors 0, 1
 * and 2. ENOMEM; EINVAL: the archive is damaged (what stands before the damage is there). */
long posix_start(void);

/* Tells the core that the program may use [start, end), which was mapped before.
 * EINVAL: not whole pages, or known already. ENOMEM. */
long posix_adopt(vaddr_t start, vaddr_t end, rights_t rights);

/* One Linux call for x86-64: the result, or an error number negated. Unknown numbers are counted
 * and answered with -ENOSYS. exit and exit_group do not return. */
long posix_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6);

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
 * ENOENT and the like; EACCES: not an executable regular file; ENOEXEC: no static x86-64 ELF, or a
 * damaged one; E2BIG: arguments above 128 KiB; ENOMEM; ELOOP: scripts that run scripts. */
long posix_exec(const struct posix_exec *request, struct posix_start *out);

/* A signal that is to be delivered now. */
struct posix_signal {
    unsigned number;
    struct linux_sigaction action;
    uint64_t old_mask;        /* to be restored when the handler returns */
    struct linux_stack stack; /* the alternate stack; meaningful if action.flags asks for it */
};

/* Takes the next pending signal that is not blocked and has a handler, and blocks what its action
 * says. False: there is none. A signal whose default is to end the program has ended it before. */
bool posix_signal_take(struct posix_signal *out);

/* Undoes the blocking of posix_signal_take when the handler has returned. */
void posix_signal_done(uint64_t old_mask);
