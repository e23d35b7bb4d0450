/* Host tests of the calls on names: opening, making, removing, renaming, attributes, directories.
 */
#include "tests/host/posix_world.h"

#define P(text) user_text(text)

static void open_follows_links_and_refuses_loops(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        unsigned flags;
        long want; /* an error, or 0 for any descriptor */
    } rows[] = {
        {"/etc/text", O_RDONLY, 0},
        {"/etc/link", O_RDONLY, 0},
        {"/etc/up/text", O_RDONLY, 0},
        {"//etc///./../etc/text", O_RDONLY, 0},
        {"/etc/link", O_RDONLY | O_NOFOLLOW, -ELOOP},
        {"/etc/link", O_PATH | O_NOFOLLOW, 0},
        {"/etc/loop", O_RDONLY, -ELOOP},
        {"/etc/nowhere", O_RDONLY, -ENOENT},
        {"/etc/missing/x", O_RDONLY, -ENOENT},
        {"/etc/text/x", O_RDONLY, -ENOTDIR},
        {"/etc/text/", O_RDONLY, -ENOTDIR},
        {"/etc/text", O_RDONLY | O_DIRECTORY, -ENOTDIR},
        {"/etc", O_WRONLY, -EISDIR},
        {"/etc", O_RDONLY | O_CREAT, -EISDIR},
        {"/etc/new/", O_WRONLY | O_CREAT, -EISDIR},
        {"/etc/text", O_WRONLY | O_CREAT | O_EXCL, -EEXIST},
        {"/etc/nowhere", O_WRONLY | O_CREAT | O_EXCL, -EEXIST},
        {"", O_RDONLY, -ENOENT},
        {"/.exo4/secret", O_RDONLY, -ENOENT},
        {"/tmp", O_TMPFILE | O_DIRECTORY | O_RDWR, -EOPNOTSUPP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        long fd = SYS(open, P(rows[i].path), rows[i].flags, 0644);
        if (rows[i].want)
            IS(fd, rows[i].want);
        else
            IS(fd, 3);
        if (fd >= 0)
            IS(SYS(close, fd), 0);
    }
}

static void bad_paths_are_errors(void **state)
{
    (void)state;
    char *name = world.user + PAGE_SIZE; /* 256 letters: one too many */
    memset(name, 'a', 256);
    name[256] = 0;
    IS(SYS(open, name, O_RDONLY), -ENAMETOOLONG);
    name[255] = 0;
    IS(SYS(open, name, O_RDONLY), -ENOENT);

    memset(name, '/', 2 * PAGE_SIZE); /* no zero within PATH_MAX */
    IS(SYS(open, name, O_RDONLY), -ENAMETOOLONG);
    IS(SYS(open, world.hole, O_RDONLY), -EFAULT);
    IS(SYS(open, NULL, O_RDONLY), -EFAULT);
    IS(SYS(open, (vaddr_t)1 << 63, O_RDONLY), -EFAULT);
    IS(SYS(open, UINT64_MAX, O_RDONLY), -EFAULT);
    char *end = world.user + USER_BYTES - 3; /* runs into the read-only page, which is readable */
    memcpy(end, "abc", 3);
    IS(SYS(open, end, O_RDONLY), -ENOENT);
    IS(SYS(open, world.hole - 3, O_RDONLY), -ENOENT); /* three zeros before the hole */
    IS(SYS(mkdir, world.hole, 0755), -EFAULT);
    IS(SYS(rename, P("/etc/text"), world.hole), -EFAULT);
    IS(SYS(symlink, world.hole, P("/x")), -EFAULT);
    IS(SYS(chdir, world.hole), -EFAULT);
}

static void a_string_that_ends_at_a_hole_is_read(void **state)
{
    (void)state;
    IS(SYS(mprotect, world.read_only, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
    memcpy(world.hole - 5, "/etc", 5);
    IS(SYS(access, world.hole - 5, 0), 0);
    memcpy(world.hole - 4, "/etc", 4); /* now without its zero */
    IS(SYS(access, world.hole - 4, 0), -EFAULT);
}

static void paths_start_at_a_directory_descriptor(void **state)
{
    (void)state;
    long dir = SYS(open, P("/etc"), O_RDONLY | O_DIRECTORY), file = SYS(open, P("/etc/text"), 0);

    IS(SYS(openat, dir, P("text"), O_RDONLY), 5);
    IS(SYS(openat, file, P("text"), O_RDONLY), -ENOTDIR);
    IS(SYS(openat, 77, P("text"), O_RDONLY), -EBADF);
    IS(SYS(openat, 77, P("/etc/text"), O_RDONLY), 6);
    IS(SYS(openat, -1, P("text"), O_RDONLY), -EBADF);
    IS(SYS(mkdirat, dir, P("sub"), 0755), 0);
    IS(SYS(faccessat, AT_FDCWD, P("/etc/sub"), 0), 0);
    IS(SYS(unlinkat, dir, P("sub"), 0), -EISDIR);
    IS(SYS(unlinkat, dir, P("sub"), AT_REMOVEDIR), 0);
    IS(SYS(unlinkat, dir, P("sub"), AT_REMOVEDIR), -ENOENT);
    IS(SYS(unlinkat, dir, P("sub"), 1), -EINVAL);
}

static void the_umask_is_taken_from_modes(void **state)
{
    (void)state;
    struct linux_stat *s = (struct linux_stat *)world.user;

    IS(SYS(umask, 027), 022);
    SYS(open, P("/file"), O_CREAT | O_WRONLY, 0666);
    IS(SYS(stat, P("/file"), s), 0);
    IS(s->mode, S_IFREG | 0640);
    IS(SYS(mkdir, P("/dir"), 0777), 0);
    IS(SYS(stat, P("/dir"), s), 0);
    IS(s->mode, S_IFDIR | 0750);
    IS(s->links, 2);
    IS(SYS(umask, 0), 027);
}

static void making_refuses_what_is_there(void **state)
{
    (void)state;
    IS(SYS(mkdir, P("/etc"), 0755), -EEXIST);
    IS(SYS(mkdir, P("/"), 0755), -EEXIST);
    IS(SYS(mkdir, P("/etc/link"), 0755), -EEXIST);
    IS(SYS(mkdir, P("/a/b"), 0755), -ENOENT);
    IS(SYS(mkdir, P("/a/"), 0755), 0);
    IS(SYS(symlink, P("x"), P("/etc/text")), -EEXIST);
    IS(SYS(symlink, P(""), P("/y")), -ENOENT);
    IS(SYS(symlink, P("x"), P("/y/")), -ENOENT);
    IS(SYS(link, P("/etc"), P("/y")), -EPERM);
    IS(SYS(link, P("/etc/text"), P("/etc/link")), -EEXIST);
    IS(SYS(link, P("/missing"), P("/y")), -ENOENT);
    IS(SYS(linkat, AT_FDCWD, P("/etc/text"), AT_FDCWD, P("/y"), 1), -EINVAL);
}

static void removing_keeps_open_files_alive(void **state)
{
    (void)state;
    char *buffer = world.user;
    long fd = SYS(open, P("/etc/text"), O_RDONLY);

    IS(SYS(unlink, P("/etc/text")), 0);
    IS(SYS(unlink, P("/etc/text")), -ENOENT);
    IS(SYS(read, fd, buffer, 100), 14);
    assert_memory_equal(buffer, "one\n", 4);
    IS(SYS(fstat, fd, buffer), 0);
    IS(((struct linux_stat *)(void *)buffer)->links, 0);
    uint64_t nodes = process_current()->arena->node_count;
    IS(SYS(close, fd), 0);
    IS(process_current()->arena->node_count, nodes - 1);
}

static void removing_refuses_the_wrong_kind(void **state)
{
    (void)state;
    IS(SYS(unlink, P("/etc")), -EISDIR);
    IS(SYS(rmdir, P("/etc")), -ENOTEMPTY);
    IS(SYS(rmdir, P("/etc/text")), -ENOTDIR);
    IS(SYS(rmdir, P("/")), -EBUSY);
    IS(SYS(rmdir, P("/etc/.")), -EINVAL);
    IS(SYS(unlink, P("/etc/text/")), -ENOTDIR);
    IS(SYS(unlink, P("/etc/link")), 0); /* the link, not what it points to */
    IS(SYS(access, P("/etc/text"), 0), 0);
}

static void a_removed_working_directory_has_no_name(void **state)
{
    (void)state;
    IS(SYS(mkdir, P("/gone"), 0755), 0);
    IS(SYS(chdir, P("/gone")), 0);
    IS(SYS(getcwd, world.user, 100), 6);
    assert_string_equal(world.user, "/gone");
    IS(SYS(rmdir, P("/gone")), 0);
    IS(SYS(getcwd, world.user, 100), -ENOENT);
    IS(SYS(open, P("new"), O_CREAT | O_WRONLY, 0644), -ENOENT);
    IS(SYS(open, P("."), O_RDONLY), 3);
    IS(SYS(getdents64, 3, world.user, 1000), -ENOENT);
    IS(SYS(chdir, P("/")), 0);
}

static void the_working_directory_moves(void **state)
{
    (void)state;
    IS(SYS(getcwd, world.user, 1), -ERANGE);
    IS(SYS(getcwd, world.user, 2), 2);
    assert_string_equal(world.user, "/");
    IS(SYS(getcwd, world.read_only, 100), -EFAULT);
    IS(SYS(chdir, P("/etc/up")), 0);
    IS(SYS(getcwd, world.user, 100), 5);
    IS(SYS(access, P("text"), 0), 0);
    IS(SYS(chdir, P("text")), -ENOTDIR);
    long fd = SYS(open, P("/tmp"), O_RDONLY);
    IS(SYS(fchdir, fd), 0);
    IS(SYS(fchdir, 99), -EBADF);
    IS(SYS(getcwd, world.user, 100), 5);
    assert_string_equal(world.user, "/tmp");
}

static void a_process_may_have_a_root_of_its_own(void **state)
{
    (void)state;
    IS(SYS(mkdir, P("/jail"), 0755), 0);
    IS(SYS(mkdir, P("/jail/in"), 0755), 0);
    IS(SYS(symlink, P("/in/../in"), P("/jail/link")), 0);
    IS(SYS(close, SYS(creat, P("/jail/in/file"), 0644)), 0);
    IS(SYS(chroot, world.hole), -EFAULT);
    IS(SYS(chroot, P("/missing")), -ENOENT);
    IS(SYS(chroot, P("/etc/text")), -ENOTDIR);
    IS(SYS(chdir, P("/jail")), 0);
    IS(SYS(setresuid, -1, 1000, -1), 0);
    IS(SYS(chroot, P(".")), -EPERM);
    IS(SYS(setresuid, -1, 0, -1), 0);

    IS(SYS(chroot, P(".")), 0);
    IS(SYS(getcwd, world.user, 100), 2);
    IS(SYS(access, P("/link/file"), 0), 0);
    IS(SYS(access, P("/../in/file"), 0), 0);
    IS(SYS(access, P("../../in/file"), 0), 0);
    IS(SYS(access, P("/etc/text"), 0), -ENOENT);
    IS(SYS(access, P("/../etc/text"), 0), -ENOENT);
    IS(SYS(access, P("in/../../etc/text"), 0), -ENOENT);
    IS(SYS(rmdir, P("/")), -EBUSY);

    IS(SYS(chroot, P("/in")), 0); /* and the working directory is outside */
    IS(SYS(access, P("/file"), 0), 0);
    IS(SYS(getcwd, world.user, 100), -ENOENT);
    IS(SYS(access, P("../etc/text"), 0), 0);
    IS(SYS(chroot, P("..")), 0);
    IS(SYS(access, P("/etc/text"), 0), 0);
    IS(SYS(getcwd, world.user, 100), 6);
    assert_string_equal(world.user, "/jail");
}

static void rename_replaces_and_refuses(void **state)
{
    (void)state;
    IS(SYS(mkdir, P("/d"), 0755), 0);
    IS(SYS(mkdir, P("/d/e"), 0755), 0);
    IS(SYS(rename, P("/d"), P("/d/e/f")), -EINVAL);
    IS(SYS(rename, P("/d"), P("/etc/text")), -ENOTDIR);
    IS(SYS(rename, P("/etc/text"), P("/d")), -EISDIR);
    IS(SYS(rename, P("/etc"), P("/d")), -ENOTEMPTY);
    IS(SYS(rename, P("/missing"), P("/x")), -ENOENT);
    IS(SYS(rename, P("/"), P("/x")), -EBUSY);
    IS(SYS(rename, P("/etc/text"), P("/x/")), -ENOTDIR);
    IS(SYS(renameat2, AT_FDCWD, P("/etc/text"), AT_FDCWD, P("/etc/link"), RENAME_NOREPLACE),
       -EEXIST);
    IS(SYS(renameat2, AT_FDCWD, P("/etc/text"), AT_FDCWD, P("/x"), RENAME_EXCHANGE), -EINVAL);

    IS(SYS(rename, P("/etc/text"), P("/d/moved")), 0);
    IS(SYS(access, P("/etc/text"), 0), -ENOENT);
    IS(SYS(access, P("/d/moved"), 0), 0);
    IS(SYS(rename, P("/d"), P("/etc/d")), 0); /* a directory changes its parent */
    IS(SYS(chdir, P("/etc/d/e")), 0);
    IS(SYS(getcwd, world.user, 100), 9);
    assert_string_equal(world.user, "/etc/d/e");
    IS(SYS(rename, P("/etc/d/moved"), P("/etc/program")), 0);
    struct linux_stat *s = (struct linux_stat *)world.user;
    IS(SYS(stat, P("/etc/program"), s), 0);
    IS(s->size, 14);
}

static void renaming_one_name_of_a_file_to_another_does_nothing(void **state)
{
    (void)state;
    IS(SYS(link, P("/etc/text"), P("/other")), 0);
    IS(SYS(rename, P("/etc/text"), P("/other")), 0);
    IS(SYS(access, P("/etc/text"), 0), 0);
    IS(SYS(access, P("/other"), 0), 0);
    IS(SYS(rename, P("/other"), P("/other")), 0);
}

static void stat_and_statx_agree(void **state)
{
    (void)state;
    struct linux_stat *s = (struct linux_stat *)world.user;
    struct linux_statx *x = (struct linux_statx *)(world.user + 1024);

    IS(SYS(stat, P("/etc/link"), s), 0);
    IS(s->mode, S_IFREG | 0644);
    IS(s->size, 14);
    IS(s->blocks, 8);
    IS(s->mtime.seconds, 1000);
    IS(SYS(statx, AT_FDCWD, P("/etc/link"), 0, STATX_BASIC_STATS, x), 0);
    IS(x->ino, s->ino);
    IS(x->size, 14);
    IS(x->mode, s->mode);
    IS(x->mtime.seconds, 1000);
    IS(SYS(lstat, P("/etc/link"), s), 0);
    IS(s->mode, S_IFLNK | 0777);
    IS(s->size, 4);
    IS(SYS(newfstatat, 1, P(""), s, AT_EMPTY_PATH), 0);
    IS(s->mode & S_IFMT, S_IFCHR);
    IS(s->rdev, 0x501);
    IS(SYS(newfstatat, 1, P(""), s, 0), -ENOENT);
    IS(SYS(newfstatat, 1, P("/"), s, 0x8000), -EINVAL);
    IS(SYS(stat, P("/etc/text"), world.read_only), -EFAULT);
    IS(SYS(stat, P("/missing"), s), -ENOENT);
    IS(SYS(fstat, 9, s), -EBADF);
    IS(SYS(fstat, 0, world.hole), -EFAULT);
    IS(SYS(statx, AT_FDCWD, P("/etc"), 0, STATX_RESERVED, x), -EINVAL);
    IS(SYS(statx, AT_FDCWD, P("/etc"), AT_STATX_SYNC_TYPE, 0, x), -EINVAL);
    IS(SYS(statfs, P("/"), world.user), 0);
    IS(SYS(fstatfs, 55, world.user), -EBADF);
}

static void attributes_can_be_set(void **state)
{
    (void)state;
    struct linux_stat *s = (struct linux_stat *)world.user;
    struct linux_timespec *t = (struct linux_timespec *)(world.user + 1024);

    IS(SYS(chown, P("/etc/text"), 5, -1), 0);
    IS(SYS(chmod, P("/etc/text"), 04711), 0);
    t[0] = (struct linux_timespec){0, UTIME_OMIT};
    t[1] = (struct linux_timespec){123, 456};
    IS(SYS(utimensat, AT_FDCWD, P("/etc/text"), t, 0), 0);
    IS(SYS(stat, P("/etc/text"), s), 0);
    IS(s->mode, S_IFREG | 04711);
    IS(s->uid, 5);
    IS(s->gid, 0);
    IS(s->atime.seconds, 1000);
    IS(s->mtime.seconds, 123);
    IS(s->mtime.nanoseconds, 456);
    t[0].nanoseconds = 1000000000;
    IS(SYS(utimensat, AT_FDCWD, P("/etc/text"), t, 0), -EINVAL);
    IS(SYS(utimensat, AT_FDCWD, P("/etc/text"), world.hole, 0), -EFAULT);
    IS(SYS(utimensat, 44, 0, 0, 0), -EBADF);
    IS(SYS(fchmod, 44, 0), -EBADF);
    IS(SYS(fchown, 44, 0, 0), -EBADF);
    IS(SYS(chmod, P("/missing"), 0), -ENOENT);
}

static void access_asks_for_an_x_bit(void **state)
{
    (void)state;
    IS(SYS(access, P("/etc/text"), 6), 0);
    IS(SYS(access, P("/etc/text"), 1), -EACCES);
    IS(SYS(access, P("/etc/program"), 1), 0);
    IS(SYS(access, P("/etc"), 1), 0);
    IS(SYS(access, P("/etc"), 8), -EINVAL);
    IS(SYS(faccessat2, AT_FDCWD, P("/etc/loop"), 0, AT_SYMLINK_NOFOLLOW), 0);
    IS(SYS(faccessat2, AT_FDCWD, P("/etc"), 0, 0x8000), -EINVAL);
}

static void readlink_cuts_and_does_not_end_with_a_zero(void **state)
{
    (void)state;
    memset(world.user, 'x', 10);
    IS(SYS(readlink, P("/etc/up"), world.user, 4), 4);
    assert_memory_equal(world.user, "/etcxxx", 7);
    IS(SYS(readlink, P("/etc/text"), world.user, 4), -EINVAL);
    IS(SYS(readlink, P("/etc/up"), world.user, 0), -EINVAL);
    IS(SYS(readlink, P("/etc/up"), world.read_only, 4), -EFAULT);
    IS(SYS(symlink, P("some/target"), P("/new")), 0);
    IS(SYS(readlink, P("/new"), world.user, 100), 11);
    assert_memory_equal(world.user, "some/target", 11);
}

/* Reads a directory in pieces of `room` bytes and counts the entries. */
static int count_entries(const char *path, size_t room)
{
    long fd = SYS(open, P(path), O_RDONLY | O_DIRECTORY), n;
    int count = 0;

    while ((n = SYS(getdents64, fd, world.user, room)) > 0)
        for (long at = 0; at < n; count++) {
            const struct linux_dirent *d = (const struct linux_dirent *)(world.user + at);
            assert_int_equal(d->bytes % 8, 0);
            at += d->bytes;
        }
    IS(n, 0);
    IS(SYS(close, fd), 0);
    return count;
}

/* The older records: the name a byte earlier, the type behind the name's zero, in the last byte. */
static void older_records_tell_the_same(void **state)
{
    (void)state;
    long fd = SYS(open, P("/etc"), O_RDONLY | O_DIRECTORY), n = SYS(getdents, fd, world.user, 4096);
    int count = 0, texts = 0;

    assert_true(n > 0);
    for (long at = 0; at < n; count++) {
        const struct linux_dirent *d = (const struct linux_dirent *)(world.user + at);
        const char *name = (const char *)(world.user + at) + LINUX_DIRENT_OLD_NAME;
        assert_int_equal(d->bytes % 8, 0);
        assert_true(LINUX_DIRENT_OLD_NAME + strlen(name) + 2 <= d->bytes);
        if (!strcmp(name, "text")) {
            texts++;
            IS(world.user[at + d->bytes - 1], S_IFREG >> 12);
        }
        if (!strcmp(name, ".."))
            IS(world.user[at + d->bytes - 1], S_IFDIR >> 12);
        at += d->bytes;
    }
    IS(count, 8);
    IS(texts, 1);
    IS(SYS(getdents, fd, world.user, 4096), 0);
    IS(SYS(lseek, fd, 0, 0), 0);
    IS(SYS(getdents, fd, world.user, 20), -EINVAL);
    IS(SYS(getdents, fd, world.read_only, 4096), -EFAULT);
    IS(SYS(getdents, 66, world.user, 100), -EBADF);
    IS(SYS(close, fd), 0);
}

static void directories_are_read_in_pieces_of_any_size(void **state)
{
    (void)state;
    int whole = count_entries("/etc", 4096);

    IS(whole, 8); /* six names, "." and ".." */
    IS(count_entries("/etc", 32), whole);
    IS(count_entries("/etc", 77), whole);
    long fd = SYS(open, P("/etc"), O_RDONLY);
    IS(SYS(getdents64, fd, world.user, 20), -EINVAL);
    IS(SYS(getdents64, fd, world.read_only, 4096), -EFAULT);
    IS(SYS(getdents64, SYS(open, P("/etc/text")), world.user, 100), -ENOTDIR);
    IS(SYS(getdents64, 66, world.user, 100), -EBADF);
    IS(SYS(read, fd, world.user, 100), -EISDIR);
}

/* rm -r reads and removes in turns: no entry may be skipped or seen twice. */
static void a_directory_may_change_while_it_is_read(void **state)
{
    char name[16] = "/tmp/000";
    int seen = 0;
    long n;

    (void)state;
    for (int i = 0; i < 200; i++) {
        memcpy(name + 5,
               (char[]){(char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10)}, 3);
        IS(SYS(close, SYS(creat, P(name), 0644)), 0);
    }
    IS(SYS(chdir, P("/tmp")), 0);
    long fd = SYS(open, P("."), O_RDONLY | O_DIRECTORY);
    while ((n = SYS(getdents64, fd, world.user, 300)) > 0)
        for (long at = 0; at < n;) {
            struct linux_dirent *d = (struct linux_dirent *)(world.user + at);
            const char *file = (const char *)d + LINUX_DIRENT_NAME;
            at += d->bytes;
            if (file[0] != '.') {
                IS(SYS(unlink, file), 0);
                seen++;
            }
        }
    IS(seen, 200);
    IS(SYS(rmdir, P("/tmp")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(open_follows_links_and_refuses_loops),
        WORLD_TEST(bad_paths_are_errors),
        WORLD_TEST(a_string_that_ends_at_a_hole_is_read),
        WORLD_TEST(paths_start_at_a_directory_descriptor),
        WORLD_TEST(the_umask_is_taken_from_modes),
        WORLD_TEST(making_refuses_what_is_there),
        WORLD_TEST(removing_keeps_open_files_alive),
        WORLD_TEST(removing_refuses_the_wrong_kind),
        WORLD_TEST(a_removed_working_directory_has_no_name),
        WORLD_TEST(the_working_directory_moves),
        WORLD_TEST(a_process_may_have_a_root_of_its_own),
        WORLD_TEST(rename_replaces_and_refuses),
        WORLD_TEST(renaming_one_name_of_a_file_to_another_does_nothing),
        WORLD_TEST(stat_and_statx_agree),
        WORLD_TEST(attributes_can_be_set),
        WORLD_TEST(access_asks_for_an_x_bit),
        WORLD_TEST(readlink_cuts_and_does_not_end_with_a_zero),
        WORLD_TEST(older_records_tell_the_same),
        WORLD_TEST(directories_are_read_in_pieces_of_any_size),
        WORLD_TEST(a_directory_may_change_while_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
