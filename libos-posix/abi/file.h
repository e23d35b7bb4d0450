/* Linux x86-64 constants and structures of the file calls, as programs lay them out. */
#pragma once

#include "exo/abi/types.h"

#define PATH_MAX 4096u /* bytes, the ending zero included */
#define NAME_MAX 255u  /* bytes of one component          */
#define IOV_MAX  1024u
#define AT_FDCWD (-100)

/* Flags of open. */
#define O_ACCMODE   00000003u
#define O_RDONLY    00000000u
#define O_WRONLY    00000001u
#define O_RDWR      00000002u
#define O_CREAT     00000100u
#define O_EXCL      00000200u
#define O_NOCTTY    00000400u
#define O_TRUNC     00001000u
#define O_APPEND    00002000u
#define O_NONBLOCK  00004000u
#define O_ASYNC     00020000u
#define O_DSYNC     00010000u /* and a part of O_SYNC */
#define O_DIRECT    00040000u
#define O_DIRECTORY 00200000u
#define O_NOFOLLOW  00400000u
#define O_NOATIME   01000000u
#define O_CLOEXEC   02000000u
#define O_PATH      010000000u
#define O_TMPFILE   020000000u /* the bit beside O_DIRECTORY */

/* Flags of the *at calls. */
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EACCESS          0x200u /* faccessat2 */
#define AT_REMOVEDIR        0x200u /* unlinkat   */
#define AT_SYMLINK_FOLLOW   0x400u
#define AT_NO_AUTOMOUNT     0x800u
#define AT_EMPTY_PATH       0x1000u
#define AT_STATX_SYNC_TYPE  0x6000u

#define MS_RDONLY      (1u << 0) /* mount */
#define MS_NOSUID      (1u << 1)
#define MS_NODEV       (1u << 2)
#define MS_NOEXEC      (1u << 3)
#define MS_NOATIME     (1u << 10)
#define MS_NODIRATIME  (1u << 11)
#define MS_SILENT      (1u << 15)
#define MS_RELATIME    (1u << 21)
#define MS_STRICTATIME (1u << 24)

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE  2u

/* Mode bits. */
#define S_IFMT   0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK  0120000u
#define S_IFREG  0100000u
#define S_IFBLK  0060000u
#define S_IFDIR  0040000u
#define S_IFCHR  0020000u
#define S_IFIFO  0010000u
#define S_IALL   0007777u
#define S_ISUID  0004000u
#define S_ISGID  0002000u
#define S_ISVTX  0001000u
#define S_IXGRP  0000010u

#define SEEK_SET  0
#define SEEK_CUR  1
#define SEEK_END  2
#define SEEK_DATA 3
#define SEEK_HOLE 4

#define F_DUPFD         0
#define F_GETFD         1
#define F_SETFD         2
#define F_GETFL         3
#define F_SETFL         4
#define F_GETLK         5
#define F_SETLK         6
#define F_SETLKW        7
#define F_SETOWN        8
#define F_GETOWN        9
#define F_DUPFD_CLOEXEC 1030
#define F_OFD_GETLK     36
#define F_OFD_SETLK     37
#define F_OFD_SETLKW    38
#define F_RDLCK         0
#define F_WRLCK         1
#define F_UNLCK         2
#define FD_CLOEXEC      1u

#define TCGETS     0x5401u
#define TCSETS     0x5402u
#define TCSETSW    0x5403u
#define TCSETSF    0x5404u
#define TCSBRK     0x5409u
#define TCXONC     0x540au
#define TCFLSH     0x540bu
#define TIOCSCTTY  0x540eu
#define TIOCGPGRP  0x540fu
#define TIOCSPGRP  0x5410u
#define TIOCOUTQ   0x5411u
#define TIOCGWINSZ 0x5413u
#define TIOCSWINSZ 0x5414u
#define FIONREAD   0x541bu
#define FIONBIO    0x5421u
#define TIOCNOTTY  0x5422u
#define TIOCGSID   0x5429u
#define TIOCGPTN   0x80045430u
#define TIOCSPTLCK 0x40045431u
#define FIONCLEX   0x5450u
#define FIOCLEX    0x5451u
#define FIOASYNC   0x5452u

#define POLLIN     0x001u
#define POLLOUT    0x004u
#define POLLERR    0x008u
#define POLLHUP    0x010u
#define POLLNVAL   0x020u
#define POLLRDNORM 0x040u
#define POLLWRNORM 0x100u
#define POLLRDHUP  0x2000u

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

#define STATX_BASIC_STATS 0x7ffu
#define STATX_RESERVED    0x80000000u

struct linux_timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

struct linux_itimerspec {
    struct linux_timespec period, left;
};

struct linux_timeval {
    int64_t seconds;
    int64_t microseconds;
};

struct linux_iovec {
    uint64_t base;
    uint64_t bytes;
};

struct linux_stat {
    uint64_t dev;
    uint64_t ino;
    uint64_t links;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    uint32_t pad;
    uint64_t rdev;
    int64_t size;
    int64_t block_size;
    int64_t blocks; /* of 512 bytes */
    struct linux_timespec atime, mtime, ctime;
    int64_t unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat of x86-64");
_Static_assert(offsetof(struct linux_stat, size) == 48, "struct stat of x86-64");

struct linux_statx_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t pad;
};

struct linux_statx {
    uint32_t mask;
    uint32_t block_size;
    uint64_t attributes;
    uint32_t links;
    uint32_t uid;
    uint32_t gid;
    uint16_t mode;
    uint16_t pad;
    uint64_t ino;
    uint64_t size;
    uint64_t blocks;
    uint64_t attributes_mask;
    struct linux_statx_time atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mount;
    uint64_t unused[13];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");
_Static_assert(offsetof(struct linux_statx, atime) == 64, "struct statx");
_Static_assert(offsetof(struct linux_statx, rdev_major) == 128, "struct statx");

struct linux_statfs {
    int64_t type;
    int64_t block_size;
    uint64_t blocks, blocks_free, blocks_available, files, files_free;
    int32_t id[2];
    int64_t name_max, fragment_size, flags, unused[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs of x86-64");

/* The fixed head of a getdents64 record; the name and a zero follow at byte 19. In getdents' older
 * one the name begins at byte 18, and the type is the last byte. */
struct linux_dirent {
    uint64_t ino;
    int64_t next; /* where to seek for the entry after this one */
    uint16_t bytes;
    uint8_t type;
};
#define LINUX_DIRENT_NAME     19u
#define LINUX_DIRENT_OLD_NAME 18u
_Static_assert(offsetof(struct linux_dirent, type) == 18, "struct linux_dirent64");

struct linux_pollfd {
    int32_t fd;
    uint16_t events;
    uint16_t revents;
};
_Static_assert(sizeof(struct linux_pollfd) == 8, "struct pollfd");

struct linux_termios {
    uint32_t input, output, control, local;
    uint8_t line;
    uint8_t chars[19];
};
_Static_assert(sizeof(struct linux_termios) == 36, "the kernel's struct termios");

/* Bits of the four words of struct termios that mean something here. */
#define T_IGNCR   0x80u /* input */
#define T_ICRNL   0x100u
#define T_INLCR   0x40u
#define T_ISTRIP  0x20u
#define T_IXON    0x400u
#define T_OPOST   0x1u /* output */
#define T_ONLCR   0x4u
#define T_OCRNL   0x8u
#define T_ISIG    0x1u /* local */
#define T_ICANON  0x2u
#define T_ECHO    0x8u
#define T_ECHOE   0x10u
#define T_ECHOK   0x20u
#define T_ECHONL  0x40u
#define T_NOFLSH  0x80u
#define T_TOSTOP  0x100u
#define T_ECHOCTL 0x200u
#define T_ECHOKE  0x800u
#define T_IEXTEN  0x8000u

/* Indices of `chars`. */
enum {
    V_INTR,
    V_QUIT,
    V_ERASE,
    V_KILL,
    V_EOF,
    V_TIME,
    V_MIN,
    V_SWTC,
    V_START,
    V_STOP,
    V_SUSP,
    V_EOL,
    V_REPRINT,
    V_DISCARD,
    V_WERASE,
    V_LNEXT,
    V_EOL2
};

struct linux_winsize {
    uint16_t rows, columns, width, height;
};

struct linux_flock {
    int16_t type;
    int16_t whence;
    int32_t pad;
    int64_t start, bytes;
    int32_t pid;
    int32_t pad2;
};
_Static_assert(sizeof(struct linux_flock) == 32, "struct flock");
