#!/usr/bin/env python3
"""The calls that real programs cannot do without each have a row in the personality core's table.

The list: what 18 programs called in their work, and what at least one of 116 applications does not work without, by
published measurements (Loupe, ASPLOS 2024).
"""
import pathlib
import re

from tap_print import check, done

ROWS = pathlib.Path("libos-posix/calls/calls.def")
WANTED = """
accept accept4 access alarm arch_prctl bind brk chdir chmod chown clock_getres clock_gettime clock_nanosleep
clock_settime clone close connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl
epoll_pwait epoll_wait eventfd2 execve exit exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod
fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fstat fstatfs fsync
ftruncate futex get_mempolicy getcwd getdents getdents64 getegid geteuid getgid getgroups getpeername getpgid
getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname
getsockopt gettid gettimeofday getuid getxattr io_getevents io_setup io_submit ioctl kill lchown lgetxattr link
linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise mbind memfd_create mincore mkdir
mkdirat mknod mknodat mlock mmap mprotect mremap msync munmap nanosleep newfstatat open openat pause pipe pipe2
poll ppoll prctl pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev read readlink readlinkat readv
recvfrom recvmsg removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending
rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_get_priority_max sched_get_priority_min
sched_getaffinity sched_getparam sched_rr_get_interval sched_setaffinity sched_setparam sched_setscheduler
sched_yield select semctl semget semtimedop sendfile sendmmsg sendmsg sendto set_mempolicy set_robust_list
set_tid_address setgid setgroups sethostname setitimer setpgid setpriority setregid setresgid setresuid setreuid
setsid setsockopt setuid setxattr shmat shmdt shmget shutdown sigaltstack signalfd4 socket socketpair stat
statfs symlink symlinkat sync sync_file_range sysinfo tgkill time timerfd_create timerfd_settime times tkill
truncate umask uname unlink unlinkat utimensat vfork wait4 waitid write writev
""".split()
# Answered by the ways in, before the core is asked.
BY_WAYS = {"rt_sigreturn"}


def main():
    there = set(re.findall(r"^CALL\(\d+, (\w+),", ROWS.read_text(), re.M))
    lacking = [name for name in WANTED if name not in there | BY_WAYS]
    check(not lacking, f"{len(WANTED)} calls that programs need are in the table", " ".join(lacking))
    done()


main()
