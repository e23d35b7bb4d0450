/*
 * The root task: decides by the kernel's command line what this machine runs.
 *
 *   run=NAME WORDS ...    the system program NAME with the words that follow; its status is the
 *                         machine's
 *   test=NAME WORDS ...   the same
 *   exec via=WAY          the command of the root file system that `.exo4/argv` names: by itself
 *                         when it brings its library OS along and via=libos, or no way, is named;
 *                         else by the program `posix` with these words
 *   run=default, nothing  the web server; and where a terminal is named (terminal=ROWSxCOLUMNS),
 * the command that `.exo4/argv` names, if it does, by `posix`; ends with that
 *
 * Words before these are options of the kernel and passed over. Anything else ends with status 64.
 */
#include "exo/abi/kinfo.h"
#include "libos/elf.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/servers/command.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/thread.h"

#define WORDS_MAX      64u
#define STATUS_USAGE   64
#define STATUS_NOT_RUN 126
#define KEEP_FRAMES    2048u /* of root's own memory: images, tables and environments of children */

static char line[CMDLINE_MAX];
static const char *words[WORDS_MAX + 1];
static uint32_t word_count;
static struct archive archive;

static void read_words(void)
{
    memcpy(line, KINFO->cmdline, sizeof line);
    line[sizeof line - 1] = '\0';
    for (char *c = line; *c && word_count < WORDS_MAX;) {
        while (*c == ' ')
            *c++ = '\0';
        if (*c)
            words[word_count++] = c;
        while (*c && *c != ' ')
            c++;
    }
}

/* What can be given to a program when `shares` are to be given in all, from the end of the longest
 * run; `less` of it is kept if there is plenty. */
static void give_share(struct spawn_args *args, uint32_t shares, uint32_t less)
{
    const struct region_run run = region_longest();
    uint32_t count = run.end - run.first;
    uint32_t share = count > 2 * KEEP_FRAMES ? (count - KEEP_FRAMES) / shares : count / 2 / shares;

    args->memory_frames = share > 2 * less ? share - less : share;
    args->memory_first = run.end - args->memory_frames;
}

static void start(const char *name, const char *const *arguments, uint32_t shares,
                  struct spawn_child *child)
{
    struct spawn_args args = {
        .arguments = arguments, .give = SPAWN_GIVE_ALL, .cpu = THREAD_CPU_HERE};

    give_share(&args, shares, 0);
    log_kernel_line("root: starting %s with %u MiB", name, args.memory_frames >> 8);
    enum err e = program_start(&archive, name, &args, child);
    if (e == ERR_NOT_BOUND)
        program_fail(STATUS_USAGE, name, "the boot archive has no such program");
    if (e)
        program_fail(STATUS_USAGE, name, error_text(e));
}

/* Runs words[i...] as program and arguments, and ends with its status. */
static int run(const char *name, uint32_t i)
{
    struct spawn_child child;

    words[i] = name;
    start(name, &words[i], 1, &child);
    return program_wait(name, &child);
}

/* What the words behind `exec` say about the way; "" when nothing. */
static const char *way_of(uint32_t i)
{
    while (++i < word_count)
        if (!strncmp(words[i], "via=", 4))
            return words[i] + 4;
    return "";
}

/* Runs a program that is an environment's whole library OS, and ends with its status. */
static int run_command(const struct command *command)
{
    struct spawn_child child;
    struct elf_program elf;
    uint32_t pages = 0;

    if (elf_read(command->file.data, command->file.bytes, &elf) == ERR_OK)
        pages = (uint32_t)((elf.high - elf.low) / PAGE_SIZE);
    struct spawn_args args = {.image = command->file.data,
                              .image_bytes = command->file.bytes,
                              .name = command->arguments[0],
                              .arguments = command->arguments,
                              .environment = command->environment,
                              .give = SPAWN_GIVE_ALL,
                              .cpu = THREAD_CPU_HERE};
    give_share(&args, 1, pages);
    enum err e = spawn_start(&child, &args);
    if (e == ERR_BAD_ARG)
        program_fail(STATUS_NOT_RUN, args.name,
                     "cannot execute: a damaged or unsuitable program, "
                     "or too long an argument list");
    if (e)
        program_fail(STATUS_NOT_RUN, args.name, error_text(e));
    return program_wait(args.name, &child);
}

static bool is_hidden(void)
{
    for (uint32_t i = 0; i < word_count; i++)
        if (!strcmp(words[i], "hide=1"))
            return true;
    return false;
}

static int exec(uint32_t i)
{
    struct command command;
    struct archive_entry mount;
    const char *way = way_of(i);
    enum err e = command_read(&archive, &command);

    if (e)
        program_fail(STATUS_USAGE, "exec", error_text(e));
    if (!command.has_libos && !strcmp(way, "libos"))
        program_fail(STATUS_USAGE, command.arguments[0],
                     "via=libos: the program is not linked with exo4's library OS");
    /* Who hides what is others' and names this way has a program that needs no keeper. */
    if (!command.has_libos || !is_hidden() || strcmp(way, "libos"))
        return run("posix", i);
    if (archive_find(&archive, ".exo4/mount", &mount) == ERR_OK)
        program_fail(STATUS_USAGE, command.arguments[0],
                     "by itself, as hide=1 with via=libos wants, it mounts no disk");
    return run_command(&command);
}

/* Is there somebody who types, and a command to type to? */
static bool is_interactive(void)
{
    struct archive_entry entry;

    for (uint32_t i = 0; i < word_count; i++)
        if (!strncmp(words[i], "terminal=", 9))
            return archive_find(&archive, ".exo4/argv", &entry) == ERR_OK;
    return false;
}

/* Both share what there is: the web server is not waited for while there is a shell. */
static int run_default(void)
{
    static const char *const http[] = {"http", NULL}, *const shell[] = {"posix", NULL};
    struct archive_entry entry;
    struct spawn_child server, child;
    bool has_shell = is_interactive();
    bool has_http = program_find(&archive, "http", &entry) == ERR_OK;

    if (!has_http && !has_shell)
        program_fail(STATUS_USAGE, "run=default",
                     "the boot archive has neither http nor a command");
    if (has_http)
        start("http", http, has_shell ? 2 : 1, &server);
    if (!has_shell)
        return program_wait("http", &server);
    start("posix", shell, 1, &child);
    return program_wait("posix", &child);
}

int main(void)
{
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e)
        program_fail(STATUS_USAGE, "root", error_text(e));
    read_words();
    for (uint32_t i = 0; i < word_count; i++) {
        if (!strcmp(words[i], "run=default"))
            return run_default();
        if (!strncmp(words[i], "run=", 4))
            return run(words[i] + 4, i);
        if (!strncmp(words[i], "test=", 5))
            return run(words[i] + 5, i);
        if (!strcmp(words[i], "exec"))
            return exec(i);
        if (!strchr(words[i], '='))
            program_fail(STATUS_USAGE, words[i], "the command line says run=, test= or exec");
    }
    return run_default();
}
