/*
 * posix: runs an unmodified Linux program of the boot archive's root file system, as the
 * first process of a family, and is its keeper.
 *
 *   posix [via=patched|trampoline|libos] [trace=1] [net=dhcp|ADDRESS/BITS,GATEWAY,NAMES]
 *
 * Without a word it is `patched`, as far as the processor lets a page be executed and not read;
 * with `libos`, too, for the programs that a linked one starts. With trace=1 each call is a line on
 * standard error, and at the end the missing ones are. The command is in `.exo4/argv`, its
 * environment in `.exo4/environ`, each word ended by a NUL. A name without a slash is looked for
 * along PATH. The status is the command's; or 64: a way that there is not, or a disk that cannot be
 * mounted; 126: found but cannot be run; 127: not found; each said on standard error.
 * `.exo4/mount`, if it is there, has the directory where the disk's file system is mounted first,
 * and options.
 */
#include "libos-posix/abi/errno.h"
#include "libos-posix/abi/file.h"
#include "libos-posix/base/mem.h"
#include "exo/abi/kinfo.h"
#include "libos-posix/port.h"
#include "libos-posix/family/keep.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/family/keeper.h"
#include "libos-posix/family/net.h"
#include "libos-posix/port/port_libos.h"
#include "libos-posix/family/patch.h"
#include "libos-posix/family/way.h"
#include "libos-posix/posix.h"
#include "libos/archive.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/exit.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/slots.h"
#include "libos/string.h"

#define STATUS_USAGE        64
#define STATUS_SYSTEM       70
#define STATUS_NOT_RUN      126
#define STATUS_NOT_FOUND    127
#define DEFAULT_PATH        "/bin:/usr/bin"
#define WORDS_MAX           2048u
#define NR_EXIT_GROUP       231
#define NETWORK_PATIENCE_MS 3000u

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
static int cannot_run(const char *name, long e)
{
    static const struct {
        long error;
        const char *text;
    } reasons[] = {
        {-EACCES, "permission denied"},
        {-ENOEXEC, "cannot execute: not an x86-64 program for Linux, nor a script"},
        {-ENOMEM, "cannot execute: its addresses or its size do not fit in memory"},
        {-ELIBBAD, "cannot execute: the dynamic linker that it names is none"},
        {-EIO, "cannot execute: the dynamic linker that it names is none"},
        {-E2BIG, "argument list too long"},
        {-ELOOP, "too many symbolic links, or interpreters of interpreters"},
        {-ENAMETOOLONG, "file name too long"},
    };

    const char *why = e == -ENOENT || e == -ENOTDIR ? "not found" : "cannot execute";

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].error == e)
            why = reasons[i].text;
    log_error_line("exo4: %s: %s", name, why);
    return e == -ENOENT || e == -ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_RUN;
}

/* Are system calls to be patched, as the words say? Every other way than these two ends here. */
static bool wants_patches(int argc, char **argv)
{
    bool wanted = true;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "trace=1") || !strncmp(argv[i], "net=", 4))
            continue;
        const char *way = strncmp(argv[i], "via=", 4) ? "" : argv[i] + 4;
        wanted = !strcmp(way, "patched") || !strcmp(way, "libos"); /* of which root knows more */
        if (!wanted && strcmp(way, "trampoline"))
            fail(STATUS_USAGE, argv[i], "want via=patched, via=trampoline, trace=1 or net=ADDRESS");
    }
    return wanted;
}

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], word))
            return true;
    return false;
}

/* Can a page be executed that is not readable? Without, a null pointer would lead to the sled. */
static bool can_hide_code(void)
{
    enum err e = exo_thread_code_only(SLOT_THREAD, 1);

    if (e == ERR_OK)
        e = exo_thread_code_only(SLOT_THREAD, 0);
    return e == ERR_OK;
}

/* What the first process is to run, and where the disk is mounted. In the image, so that it has a
 * copy. */
static const char *words[WORDS_MAX + 1], *environment[WORDS_MAX + 1], *mount_words[WORDS_MAX + 1];

static void read_words(const struct archive *a, const char *name, const char **list)
{
    const char **found;
    size_t count = 0;
    enum err e = archive_words(a, name, &found);

    if (e)
        fail(STATUS_SYSTEM, "posix", error_text(e));
    for (; found[count]; count++)
        if (count < WORDS_MAX)
            list[count] = found[count];
    if (count > WORDS_MAX)
        fail(STATUS_NOT_RUN, name, "too many words");
}

static void mount_disk(void)
{
    static const struct {
        long error;
        const char *text;
    } reasons[] = {
        {-ENXIO, "there is no such disk, or part of it"},
        {-EINVAL, "no ext2, ext3 or ext4 that can be used, or an unknown option"},
        {-EUCLEAN, "it needs e2fsck first"},
        {-EROFS, "its features let it be mounted with the option ro only"},
        {-EACCES, "the disk is read-only: use the option ro"},
        {-ENOTDIR, "there is something that is no directory"},
        {-ENOENT, "the directory above it is missing"},
    };
    const char *why = "the disk failed";
    const long e = posix_mount(mount_words[0], mount_words[1] ? mount_words[1] : "");

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].error == e)
            why = reasons[i].text;
    if (!e)
        return;
    log_error_line("exo4: MOUNT=%s: %s", mount_words[0], why);
    posix_syscall(NR_EXIT_GROUP, STATUS_USAGE, 0, 0, 0, 0, 0);
}

static void first_process(void *argument)
{
    struct posix_start start;

    (void)argument;
    way_begin();
    port_set_self(posix_first_task());
    if (mount_words[0])
        mount_disk();
    long e = load(words, environment, &start);
    if (e)
        posix_syscall(NR_EXIT_GROUP, cannot_run(words[0], e), 0, 0, 0, 0, 0);
    way_enter(start.entry, start.stack);
}

/* The archive is shown to all at one address, for files that nobody has written to lie there. */
static enum err show_archive(struct archive *a)
{
    const volatile struct cap *cap = slot_cap(SLOT_ARCHIVE);
    const uint64_t before = KINFO->archive_base % PAGE_SIZE; /* in its first frame */
    vaddr_t va;

    if (!cap || START->archive_bytes + before > cap->count * PAGE_SIZE)
        return ERR_BAD_CAP;
    enum err e = keeper_show(SLOT_ARCHIVE, cap->base, cap->count, RIGHT_READ, &va);
    if (e == ERR_OK)
        *a =
            (struct archive){.bytes = (const uint8_t *)va + before, .length = START->archive_bytes};
    return e;
}

static struct archive archive;

const void *port_archive(size_t *bytes)
{
    *bytes = archive.length;
    return archive.bytes;
}

/* What follows `net=`, or NULL. */
static const char *network_word(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "net=", 4))
            return argv[i] + 4;
    return NULL;
}

/* The first process begins when the address is known, or nobody tells it. */
static void start_network(const char *address)
{
    const uint64_t end = cpu_ticks() + KINFO->tsc_khz * NETWORK_PATIENCE_MS;
    const long e = inet_ops.start(address);

    if (e)
        fail(STATUS_USAGE, "net",
             e == -EINVAL ? "want dhcp or ADDRESS/BITS,GATEWAY,NAMES"
                          : "there is no network card: give NET=user");
    while (!inet_ops.has_address() && cpu_ticks() < end) {
        const uint64_t due = port_libos_ticks(inet_ops.run(arena_get()));
        if (!inet_ops.has_address())
            keeper_pause(due < end ? due : end);
    }
    if (!inet_ops.has_address())
        log_error_line("exo4: no DHCP server answers; ADDRESS= gives an address");
    if (inet_ops.tell(arena_get()))
        fail(STATUS_SYSTEM, "posix", "no memory for /etc/resolv.conf");
}

static enum err prepare(void)
{
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = keeper_begin(UINT32_MAX);
    return e ? e : show_archive(&archive);
}

int main(int argc, char **argv)
{
    enum err e = prepare();

    if (e)
        fail(STATUS_SYSTEM, "posix", error_text(e));
    if (network_word(argc, argv) && (e = keeper_net_begin()) != ERR_OK && e != ERR_NO_DEVICE)
        fail(STATUS_SYSTEM, "net", error_text(e));
    if (wants_patches(argc, argv) && can_hide_code())
        FAMILY->low_page = (vaddr_t)patch_sled;
    read_words(&archive, ".exo4/argv", words);
    read_words(&archive, ".exo4/environ", environment);
    read_words(&archive, ".exo4/mount", mount_words);
    if (!words[0])
        fail(STATUS_USAGE, "posix", "the boot archive names no command in .exo4/argv");
    long damage = posix_start();
    if (damage == -EINVAL)
        log_kernel_line("posix: the boot archive is damaged; files behind the damage are missing");
    else if (damage)
        fail(STATUS_SYSTEM, "posix", "no memory for the root file system");
    if (network_word(argc, argv))
        start_network(network_word(argc, argv));
    posix_trace(has_word(argc, argv, "trace=1"));
    e = keeper_first(first_process, NULL, (vaddr_t)posix_first_task());
    if (e)
        fail(STATUS_SYSTEM, "posix", error_text(e));
    int status = keep();
    if (has_word(argc, argv, "trace=1"))
        posix_trace_missing();
    return status;
}
