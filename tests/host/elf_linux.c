/* Running files on this machine's kernel; apart from the core's headers, whose names are the same.
 */
#define _GNU_SOURCE
#include "tests/host/elf_linux.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/exo4-elf-XXXXXX";

static void must(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

void linux_begin(void)
{
    must(mkdtemp(folder) && !chdir(folder), folder);
}

void linux_finish(void)
{
    must(!chdir("/") && !rmdir(folder), folder);
}

void linux_folder(const char *name)
{
    must(!mkdir(name, 0755), name);
}

void linux_file(const char *name, const void *bytes, size_t count, unsigned mode)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, mode);

    must(fd >= 0 && write(fd, bytes, count) == (ssize_t)count && !fchmod(fd, mode), name);
    close(fd);
}

void linux_remove(const char *name)
{
    must(!remove(name), name);
}

struct linux_end linux_run(const char *path)
{
    struct linux_end end = {.status = -1};
    char *argv[] = {(char *)(size_t)path, NULL};
    int status;
    pid_t child;

    end.error = posix_spawn(&child, path, NULL, NULL, argv, environ);
    if (end.error)
        return end;
    must(waitpid(child, &status, 0) == child, path);
    if (WIFEXITED(status))
        end.status = WEXITSTATUS(status);
    return end;
}
