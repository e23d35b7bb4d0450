/*
 * posix: runs an unmodified static Linux program of the boot archive's root file system.
 *
 *   posix [via=trampoline]
 *
 * The command is in `.exo4/argv`, its environment in `.exo4/environ`, each word ended by a NUL. A
 * name without a slash is looked for along PATH. The status is the command's; or 64: a way that
 * there is not; 126: found but cannot be run; 127: not found; each said on standard error.
 */
#include "libos-posix/abi_errno.h"
#include "libos-posix/abi_file.h"
#include "libos-posix/mem.h"
#include "libos-posix/port.h"
#include "libos-posix/port_libos.h"
#include "libos-posix/reflect.h"
#include "libos/error.h"
#include "libos/exit.h"
#include "libos/log.h"
#include "libos/string.h"

#define STATUS_USAGE     64
#define STATUS_SYSTEM    70
#define STATUS_NOT_RUN   126
#define STATUS_NOT_FOUND 127
#define DEFAULT_PATH     "/bin:/usr/bin"

static _Noreturn void fail(int status, const char *what, const char *why)
{
    log_error_line("exo4: %s: %s", what, why);
    libos_exit(status);
}

static const char *path_variable(const char *const *environment)
{
    for (; *environment; environment++)
        if (!strncmp(*environment, "PATH=", 5))
            return *environment + 5;
    return DEFAULT_PATH;
}

/* Tries `name` in each folder of PATH, as execvp() does: a file that may not be run is passed over,
 * but remembered. */
static long load_along_path(struct posix_exec *request, struct posix_start *start)
{
    const char *name = request->argv[0], *folder = path_variable(request->envp);
    static char path[PATH_MAX];
    long result = -ENOENT;

    for (;;) {
        const char *end = strchr(folder, ':');
        size_t bytes = end ? (size_t)(end - folder) : strlen(folder);
        if (bytes + strlen(name) + 2 <= sizeof path) {
            memcpy(path, folder, bytes);
            if (bytes)
                path[bytes++] = '/';
            memcpy(path + bytes, name, strlen(name) + 1);
            request->path = path;
            long e = posix_exec(request, start);
            if (e != -ENOENT && e != -ENOTDIR && e != -EACCES)
                return e;
            if (e == -EACCES)
                result = e;
        }
        if (!end)
            return result;
        folder = end + 1;
    }
}

static long load(const char **words, const char **environment, struct posix_start *start)
{
    struct posix_exec request = {words[0], words, environment};

    return strchr(words[0], '/') ? posix_exec(&request, start) : load_along_path(&request, start);
}

/* What a shell says when it cannot run a command. */
static _Noreturn void cannot_run(const char *name, long e)
{
    static const struct {
        long error;
        const char *text;
    } reasons[] = {
        {-EACCES, "permission denied"},
        {-ENOEXEC, "cannot execute: not a static x86-64 program for Linux, nor a script"},
        {-ENOMEM, "cannot execute: its addresses or its size do not fit in memory"},
        {-E2BIG, "argument list too long"},
        {-ELOOP, "too many symbolic links, or interpreters of interpreters"},
        {-ENAMETOOLONG, "file name too long"},
    };

    if (e == -ENOENT || e == -ENOTDIR)
        fail(STATUS_NOT_FOUND, name, "not found");
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].error == e)
            fail(STATUS_NOT_RUN, name, reasons[i].text);
    fail(STATUS_NOT_RUN, name, "cannot execute");
}

/* The way that the words ask for. Every other than the trampoline ends here. */
static void check_way(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *way = strncmp(argv[i], "via=", 4) ? "" : argv[i] + 4;
        if (!strcmp(way, "patched") || !strcmp(way, "server"))
            fail(STATUS_USAGE, argv[i], "this way is not there yet; via=trampoline is");
        if (!strcmp(way, "libos"))
            fail(STATUS_USAGE, argv[i], "the program is not linked with exo4's library OS");
        if (strcmp(way, "trampoline"))
            fail(STATUS_USAGE, argv[i], "want via=trampoline");
    }
}

int main(int argc, char **argv)
{
    const char **words, **environment;
    struct posix_start start;
    enum err broken = port_libos_init();

    if (broken == ERR_OK)
        broken = reflect_init();
    if (broken)
        fail(STATUS_SYSTEM, "posix", error_text(broken));
    check_way(argc, argv);
    broken = archive_words(port_libos_archive(), ".exo4/argv", &words);
    if (broken == ERR_OK)
        broken = archive_words(port_libos_archive(), ".exo4/environ", &environment);
    if (broken)
        fail(STATUS_SYSTEM, "posix", error_text(broken));
    if (!words[0])
        fail(STATUS_USAGE, "posix", "the boot archive names no command in .exo4/argv");
    long e = posix_start();
    if (e == -EINVAL)
        log_kernel_line("posix: the boot archive is damaged; files behind the damage are missing");
    else if (e)
        fail(STATUS_SYSTEM, "posix", "no memory for the root file system");
    e = load(words, environment, &start);
    if (e)
        cannot_run(words[0], e);
    reflect_enter(start.entry, start.stack);
}
