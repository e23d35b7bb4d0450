/* Host tests of permissions: what other users than the superuser may do with files. */
#include "tests/host/posix_world.h"

#define P(text) user_text(text)

#define OWNER    1000u
#define GROUP    100u
#define STRANGER 2000u

static void act_as(uint32_t user, uint32_t group)
{
    IS(SYS(setresuid, 0, 0, 0), 0); /* the saved one stays the superuser's */
    IS(SYS(setresgid, group, group, group), 0);
    IS(SYS(setresuid, user, user, 0), 0);
}

static void act_as_root(void)
{
    IS(SYS(setresuid, 0, 0, 0), 0);
    IS(SYS(setresgid, 0, 0, 0), 0);
}

static void make(const char *path, uint32_t mode, uint32_t user, uint32_t group)
{
    if (mode & S_IFDIR)
        IS(SYS(mkdir, P(path), 0700), 0);
    else
        IS(SYS(close, SYS(open, P(path), O_CREAT | O_EXCL | O_WRONLY, 0600)), 0);
    IS(SYS(chown, P(path), user, group), 0);
    IS(SYS(chmod, P(path), mode & S_IALL), 0);
}

static uint32_t mode_of(const char *path)
{
    struct linux_stat *s = (struct linux_stat *)(void *)world.user;

    IS(SYS(lstat, P(path), s), 0);
    return s->mode & S_IALL;
}

static long opened(const char *path, unsigned flags)
{
    long fd = SYS(open, P(path), flags, 0666);

    return fd < 0 ? fd : SYS(close, fd);
}

static void one_part_of_the_mode_counts(void **state)
{
    static const struct {
        uint32_t mode, user, group;
        unsigned flags;
        long want;
    } rows[] = {
        {0400, OWNER, GROUP, O_RDONLY, 0},
        {0400, OWNER, GROUP, O_WRONLY, -EACCES},
        {0400, OWNER, GROUP, O_RDWR, -EACCES},
        {0400, OWNER, GROUP, O_RDONLY | O_TRUNC, -EACCES},
        {0400, OWNER, GROUP, O_PATH, 0},
        {0077, OWNER, GROUP, O_RDONLY, -EACCES}, /* the owner's part is none, whatever else is */
        {0040, STRANGER, GROUP, O_RDONLY, 0},
        {0707, STRANGER, GROUP, O_RDONLY, -EACCES},
        {0770, STRANGER, 7, O_RDONLY, -EACCES},
        {0006, STRANGER, 7, O_RDWR, 0},
        {0000, 0, 0, O_RDWR, 0},
        {0644, STRANGER, 7, O_RDONLY | O_NOATIME, -EPERM},
    };

    (void)state;
    make("/file", 0600, OWNER, GROUP);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        IS(SYS(chmod, P("/file"), rows[i].mode), 0);
        act_as(rows[i].user, rows[i].group);
        IS(opened("/file", rows[i].flags), rows[i].want);
        act_as_root();
    }
    IS(SYS(setgroups, 1, (uint32_t *)memcpy(world.user, &(uint32_t){GROUP}, 4)), 0);
    IS(SYS(chmod, P("/file"), 0040), 0);
    act_as(STRANGER, 7);
    IS(opened("/file", O_RDONLY), 0);
    act_as_root();
}

static void directories_are_gone_through_by_who_may(void **state)
{
    (void)state;
    make("/dir", S_IFDIR | 0700, OWNER, GROUP);
    make("/dir/file", 0666, OWNER, GROUP);
    make("/dir/sub", S_IFDIR | 0777, OWNER, GROUP);
    act_as(STRANGER, 7);
    IS(opened("/dir/file", O_RDONLY), -EACCES);
    IS(opened("/dir/missing", O_RDONLY), -EACCES);
    IS(SYS(stat, P("/dir/file"), world.user), -EACCES);
    IS(SYS(chdir, P("/dir")), -EACCES);
    IS(SYS(chdir, P("/dir/sub")), -EACCES);
    IS(opened("/dir", O_RDONLY | O_DIRECTORY), -EACCES);
    IS(SYS(access, P("/dir"), 0), 0);
    act_as_root();
    IS(SYS(chmod, P("/dir"), 0711), 0);
    act_as(STRANGER, 7);
    IS(opened("/dir/file", O_RDWR), 0);
    IS(opened("/dir", O_RDONLY | O_DIRECTORY), -EACCES);
    IS(opened("/dir/new", O_CREAT | O_WRONLY), -EACCES);
    IS(SYS(mkdir, P("/dir/new"), 0777), -EACCES);
    IS(SYS(mkdir, P("/dir/sub"), 0777), -EEXIST);
    IS(SYS(symlink, P("x"), P("/dir/new")), -EACCES);
    IS(SYS(mknod, P("/dir/new"), S_IFIFO | 0666, 0), -EACCES);
    IS(SYS(link, P("/dir/file"), P("/dir/new")), -EACCES);
    IS(SYS(unlink, P("/dir/file")), -EACCES);
    IS(SYS(rmdir, P("/dir/sub")), -EACCES);
    IS(SYS(rename, P("/dir/file"), P("/dir/sub/file")), -EACCES);
    act_as_root();
}

static void a_sticky_directory_keeps_others_names(void **state)
{
    (void)state;
    make("/sticky", S_IFDIR | 01777, 0, 0);
    make("/sticky/his", 0666, OWNER, GROUP);
    make("/sticky/dir", S_IFDIR | 0777, OWNER, GROUP);
    act_as(STRANGER, 7);
    IS(opened("/sticky/mine", O_CREAT | O_WRONLY), 0);
    IS(SYS(unlink, P("/sticky/his")), -EPERM);
    IS(SYS(rmdir, P("/sticky/dir")), -EPERM);
    IS(SYS(rename, P("/sticky/his"), P("/sticky/other")), -EPERM);
    IS(SYS(rename, P("/sticky/mine"), P("/sticky/his")), -EPERM);
    IS(SYS(rename, P("/sticky/mine"), P("/sticky/other")), 0);
    IS(SYS(unlink, P("/sticky/other")), 0);
    act_as(OWNER, 7);
    IS(SYS(unlink, P("/sticky/his")), 0);
    act_as_root();
}

static void a_directory_that_moves_is_changed_itself(void **state)
{
    (void)state;
    make("/from", S_IFDIR | 0777, 0, 0);
    make("/to", S_IFDIR | 0777, 0, 0);
    make("/from/dir", S_IFDIR | 0755, OWNER, GROUP);
    act_as(STRANGER, 7);
    IS(SYS(rename, P("/from/dir"), P("/to/dir")), -EACCES);
    IS(SYS(rename, P("/from/dir"), P("/from/other")), 0);
    act_as(OWNER, GROUP);
    IS(SYS(rename, P("/from/other"), P("/to/dir")), 0);
    act_as_root();
}

static void who_makes_a_file_owns_it(void **state)
{
    struct linux_stat *s = (struct linux_stat *)(void *)world.user;

    (void)state;
    make("/open", S_IFDIR | 0777, 0, 0);
    make("/shared", S_IFDIR | 02777, 0, 55);
    act_as(OWNER, GROUP);
    IS(opened("/open/file", O_CREAT | O_WRONLY), 0);
    IS(opened("/shared/file", O_CREAT | O_WRONLY), 0);
    IS(SYS(mkdir, P("/shared/dir"), 0755), 0);
    IS(SYS(stat, P("/open/file"), s), 0);
    IS(s->uid, OWNER);
    IS(s->gid, GROUP);
    IS(SYS(stat, P("/shared/file"), s), 0);
    IS(s->gid, 55);
    IS(s->mode & S_ISGID, 0);
    IS(SYS(stat, P("/shared/dir"), s), 0);
    IS(s->gid, 55);
    IS(s->mode & S_ISGID, S_ISGID);
    act_as_root();
}

static void attributes_are_the_owners(void **state)
{
    static const struct linux_timespec times[2] = {{1, 0}, {2, 0}};
    const word_t cwd = (word_t)AT_FDCWD;

    (void)state;
    make("/file", 0666, OWNER, GROUP);
    make("/read", 0644, OWNER, GROUP);
    act_as(STRANGER, 7);
    IS(SYS(chmod, P("/file"), 0600), -EPERM);
    IS(SYS(chown, P("/file"), STRANGER, -1), -EPERM);
    IS(SYS(utimensat, cwd, P("/file"), memcpy(world.user + 512, times, sizeof times), 0), -EPERM);
    IS(SYS(utimensat, cwd, P("/file"), 0, 0), 0);
    IS(SYS(utimensat, cwd, P("/read"), 0, 0), -EACCES);
    act_as(OWNER, 7);
    IS(SYS(utimensat, cwd, P("/file"), memcpy(world.user + 512, times, sizeof times), 0), 0);
    IS(SYS(chmod, P("/file"), 06711), 0);
    IS(mode_of("/file"), 04711); /* its group is not one of the caller's */
    IS(SYS(chown, P("/file"), OWNER, 8), -EPERM);
    IS(SYS(chown, P("/file"), STRANGER, -1), -EPERM);
    IS(SYS(chown, P("/file"), OWNER, 7), 0);
    IS(mode_of("/file"), 0711); /* it acts as nobody any more */
    act_as_root();
    IS(SYS(chmod, P("/file"), 06755), 0);
    IS(SYS(chown, P("/file"), 0, 0), 0);
    IS(mode_of("/file"), 0755);
}

static void who_writes_takes_away_whom_it_acts_as(void **state)
{
    (void)state;
    make("/file", 06777, OWNER, GROUP);
    long fd = SYS(open, P("/file"), O_WRONLY);
    IS(SYS(write, fd, P("x"), 1), 1);
    IS(mode_of("/file"), 06777);
    act_as(STRANGER, 7);
    IS(SYS(write, fd, P("x"), 1), 1);
    IS(mode_of("/file"), 0777);
    act_as_root();
    IS(SYS(close, fd), 0);
    IS(SYS(chmod, P("/file"), 04777), 0);
    act_as(STRANGER, 7);
    IS(SYS(truncate, P("/file"), 0), 0);
    IS(mode_of("/file"), 0777);
    IS(SYS(access, P("/file"), 7), 0);
    act_as_root();
    IS(SYS(chmod, P("/file"), 0700), 0);
    act_as(STRANGER, 7);
    IS(SYS(truncate, P("/file"), 0), -EACCES);
    act_as_root();
}

static void access_asks_for_the_real_user(void **state)
{
    const word_t cwd = (word_t)AT_FDCWD;

    (void)state;
    make("/file", 0600, OWNER, GROUP);
    IS(SYS(setresuid, STRANGER, 0, 0), 0);
    IS(SYS(access, P("/file"), 4), -EACCES);
    IS(SYS(faccessat2, cwd, P("/file"), 4, AT_EACCESS), 0);
    IS(SYS(access, P("/file"), 0), 0);
    IS(SYS(setresuid, 0, 0, 0), 0);
    IS(SYS(access, P("/file"), 6), 0);
    IS(SYS(access, P("/file"), 1), -EACCES); /* that nobody may run, nor may the superuser */
}

static void sizes_have_a_limit(void **state)
{
    struct linux_rlimit limit = {100, 100};

    (void)state;
    make("/file", 0600, 0, 0);
    const struct linux_sigaction ignore = {.handler = SIG_IGN};
    IS(SYS(rt_sigaction, SIGXFSZ, memcpy(world.user + 512, &ignore, sizeof ignore), 0, 8), 0);
    IS(SYS(setrlimit, RLIMIT_FSIZE, memcpy(world.user + 512, &limit, sizeof limit)), 0);
    IS(SYS(truncate, P("/file"), 101), -EFBIG);
    IS(SYS(truncate, P("/file"), 100), 0);
    long fd = SYS(open, P("/file"), O_RDWR);
    IS(SYS(ftruncate, fd, 101), -EFBIG);
    IS(SYS(pwrite64, fd, P("abcdef"), 6, 97), 3);
    IS(SYS(pwrite64, fd, P("abcdef"), 6, 100), -EFBIG);
    IS(SYS(close, fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(one_part_of_the_mode_counts),
        WORLD_TEST(directories_are_gone_through_by_who_may),
        WORLD_TEST(a_sticky_directory_keeps_others_names),
        WORLD_TEST(a_directory_that_moves_is_changed_itself),
        WORLD_TEST(who_makes_a_file_owns_it),
        WORLD_TEST(attributes_are_the_owners),
        WORLD_TEST(who_writes_takes_away_whom_it_acts_as),
        WORLD_TEST(access_asks_for_the_real_user),
        WORLD_TEST(sizes_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
