/* The calls that musl makes of its kernel, as calls of the library OS that the program is linked
 * with. Takes the place of musl's file of the same name; the vDSO is left out with it. */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

__attribute__((__visibility__("hidden"))) long libos_syscall(long, long, long, long, long, long,
                                                             long);

#define LIBOS_ASK __attribute__((__visibility__("hidden"))) long
LIBOS_ASK libos_getpid(void);
LIBOS_ASK libos_getppid(void);
LIBOS_ASK libos_getuid(void);
LIBOS_ASK libos_geteuid(void);
LIBOS_ASK libos_getgid(void);
LIBOS_ASK libos_getegid(void);

/* Of a number that is known when musl is built, one case is left. */
static __inline long __syscall0(long n)
{
    switch (__builtin_constant_p(n) ? n : -1) {
    case SYS_getpid:
        return libos_getpid();
    case SYS_getppid:
        return libos_getppid();
    case SYS_getuid:
        return libos_getuid();
    case SYS_geteuid:
        return libos_geteuid();
    case SYS_getgid:
        return libos_getgid();
    case SYS_getegid:
        return libos_getegid();
    default:
        return libos_syscall(n, 0, 0, 0, 0, 0, 0);
    }
}

static __inline long __syscall1(long n, long a1)
{
    return libos_syscall(n, a1, 0, 0, 0, 0, 0);
}

static __inline long __syscall2(long n, long a1, long a2)
{
    return libos_syscall(n, a1, a2, 0, 0, 0, 0);
}

static __inline long __syscall3(long n, long a1, long a2, long a3)
{
    return libos_syscall(n, a1, a2, a3, 0, 0, 0);
}

static __inline long __syscall4(long n, long a1, long a2, long a3, long a4)
{
    return libos_syscall(n, a1, a2, a3, a4, 0, 0);
}

static __inline long __syscall5(long n, long a1, long a2, long a3, long a4, long a5)
{
    return libos_syscall(n, a1, a2, a3, a4, a5, 0);
}

static __inline long __syscall6(long n, long a1, long a2, long a3, long a4, long a5, long a6)
{
    return libos_syscall(n, a1, a2, a3, a4, a5, a6);
}

/* System V calls take the 64-bit layouts without a version flag. */
#define IPC_64 0
