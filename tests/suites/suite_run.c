/*
 * Runs the tests of a conformance suite one after the other, each in a process group of its own
 * with a time limit, and says in one line for each how it ended.
 *
 *   SUITE [OPTION...] [PREFIX...]   the tests whose names begin so, or all
 *     -v            what those print that do not pass
 *     -c            how much processor time each takes, in ms
 *     -t SECONDS    the limit
 *     -m MIB        how much memory each may map, for those that make threads until they cannot
 *     -x FILE       without those that it names, one in a line
 *   .../NAME.test                   one test: what those that run another program look for
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/suites/suite.h"

enum { SECONDS = 100, TIMED_OUT = -1, SKIPPED_BYTES = 1 << 17 };

static const char output_path[] = "/tmp/suite.out";
static bool shows, times;
static int seconds = SECONDS;
static rlim_t mapped = RLIM_INFINITY; /* bytes */
static char skipped[SKIPPED_BYTES];   /* the names, each with a newline before and behind it */
static const char *const words[] = {"pass",     "fail",        "unresolved",
                                    "status 3", "unsupported", "untested"};

static void run_one(const struct suite_test *test)
{
    char name[96];
    char *arguments[] = {name, NULL};
    int output = open(output_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    sigset_t none;

    snprintf(name, sizeof name, "%s", test->name);
    setpgid(0, 0);
    setrlimit(RLIMIT_AS, &(struct rlimit){mapped, mapped});
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (output >= 0) {
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        close(output);
    }
    errno = 0; /* as a program begins */
    exit(test->main(1, arguments));
}

/* The status of waitpid, or TIMED_OUT: then the whole group has been killed. */
static int wait_for(pid_t pid)
{
    struct timespec now, end;
    int status;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    for (;;) {
        struct timespec left;
        sigset_t child;

        if (waitpid(pid, &status, WNOHANG) == pid)
            break;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= end.tv_sec) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            status = TIMED_OUT;
            break;
        }
        left = (struct timespec){.tv_sec = end.tv_sec - now.tv_sec};
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigtimedwait(&child, NULL, &left);
    }
    kill(-pid, SIGKILL); /* whom the test left behind */
    return status;
}

static void show_output(void)
{
    char line[400];
    FILE *output = fopen(output_path, "r");

    while (output && fgets(line, sizeof line, output))
        printf("  | %.*s\n", (int)strcspn(line, "\n"), line);
    if (output)
        fclose(output);
}

/* Of all children so far, in ms. */
static long used(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void report(const struct suite_test *test, int status)
{
    static long before;

    printf("%s: ", test->name);
    if (status == TIMED_OUT)
        printf("timeout");
    else if (WIFSIGNALED(status))
        printf("signal %d", WTERMSIG(status));
    else if ((size_t)WEXITSTATUS(status) < sizeof words / sizeof *words)
        printf("%s", words[WEXITSTATUS(status)]);
    else
        printf("status %d", WEXITSTATUS(status));
    if (times)
        printf(" %ld ms", used() - before);
    before = used();
    puts("");
    if (shows && status)
        show_output();
    fflush(stdout);
}

static bool is_chosen(const char *name, char **prefixes)
{
    char line[200];

    snprintf(line, sizeof line, "\n%s\n", name);
    if (strstr(skipped, line))
        return false;
    if (!*prefixes)
        return true;
    for (; *prefixes; prefixes++)
        if (!strncmp(name, *prefixes, strlen(*prefixes)))
            return true;
    return false;
}

/* Whoever is started as a/b.test, or as b.test, is the test whose name ends so. */
static const struct suite_test *named_by(const char *path)
{
    size_t bytes = strlen(path), dot = sizeof ".test" - 1;

    if (bytes <= dot || strcmp(path + bytes - dot, ".test") != 0)
        return NULL;
    bytes -= dot;
    for (const struct suite_test *test = suite_tests; test->name; test++) {
        size_t length = strlen(test->name), same = length < bytes ? length : bytes;
        const char *name = test->name + length - same, *end = path + bytes - same;

        if (!strncmp(name, end, same) &&
            (name == test->name ? end == path || end[-1] == '/' : name[-1] == '/'))
            return test;
    }
    return NULL;
}

static bool read_skipped(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t bytes = 0;

    if (file)
        bytes = fread(skipped + 1, 1, sizeof skipped - 2, file);
    if (!file || !feof(file)) {
        fprintf(stderr, "%s: cannot be read, or is too long\n", path);
        return false;
    }
    skipped[0] = skipped[bytes] == '\n' ? '\n' : 0;
    fclose(file);
    return skipped[0] || !bytes;
}

static bool read_options(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "vct:m:x:")) != -1) {
        shows |= option == 'v';
        times |= option == 'c';
        if (option == 't')
            seconds = atoi(optarg);
        if (option == 'm')
            mapped = (rlim_t)atoi(optarg) << 20;
        if (option == '?' || !mapped || seconds <= 0 || (option == 'x' && !read_skipped(optarg)))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const struct suite_test *self = argc > 0 ? named_by(argv[0]) : NULL;
    sigset_t child;

    if (self)
        return self->main(argc, argv);
    if (!read_options(argc, argv))
        return 64;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    for (const struct suite_test *test = suite_tests; test->name; test++) {
        pid_t pid;

        if (!is_chosen(test->name, argv + optind))
            continue;
        pid = fork();
        if (!pid)
            run_one(test);
        if (pid < 0)
            printf("%s: no process: %s\n", test->name, strerror(errno));
        else
            report(test, wait_for(pid));
    }
    return 0;
}
