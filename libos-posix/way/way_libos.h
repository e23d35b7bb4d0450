/*
 * The way of programs that are linked with the core: musl with the overlay calls these functions
 * where it would otherwise execute a `syscall` instruction. Nothing here uses %fs, because the
 * first calls come before the program has set it.
 */
#pragma once

/* One Linux call (way_libos_x86_64.S): by the family's core, when the program was started in one,
 * else by the program's own. */
long libos_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6);

/* By the program's own; before it returns, handlers of signals that the call raised have run, on
 * the caller's stack. */
long libos_syscall_own(long number, long a1, long a2, long a3, long a4, long a5, long a6);

/* These have functions of their own (way_libos_ask.c). */
long libos_getpid(void);
long libos_getppid(void);
long libos_getuid(void);
long libos_geteuid(void);
long libos_getgid(void);
long libos_getegid(void);

/* arch_prctl(ARCH_SET_FS). 0 or an error number negated. */
long libos_set_fs(void *base);

/* In way_libos_x86_64.S: libos_clone, libos_vfork (both -ENOSYS without a family),
 * libos_unmapself, libos_syscall_cp and libos_sigreturn. */
