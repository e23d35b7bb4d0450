/*
 * Programs that are linked with the core run on Linux, too, and under the way `trampoline`: where
 * libos_entry sees that no library OS started it, each function by which musl reaches the core is
 * overwritten with a jump to one that executes `syscall`. On exo4 this costs nothing.
 */
#pragma once

/* Called by libos_entry (libos/start), before anything of musl runs. Ends the program with a
 * message and status 70 where its code may not be changed. */
void libos_linux_prepare(void);

/* What musl calls, for way_libos_x86_64.S; in way_libos_cp_x86_64.S if the program has it. */
void libos_clone(void);
void libos_vfork(void);
void libos_unmapself(void);
void libos_sigreturn(void);
void libos_syscall_cp(void) __attribute__((weak));

/* The same for Linux (way_linux_x86_64.S), each with the arguments of the function it stands for.
 */
long linux_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6);
void linux_syscall_cp(void) __attribute__((weak));
void linux_set_fs(void);
void linux_clone(void);
void linux_vfork(void);
void linux_unmapself(void);
void linux_sigreturn(void);
void linux_getpid(void);
void linux_getppid(void);
void linux_getuid(void);
void linux_geteuid(void);
void linux_getgid(void);
void linux_getegid(void);
