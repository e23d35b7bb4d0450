/* Finding what `make exec` shall run, in the archives as they lie: nothing is unpacked for it. */
#include "libos/servers/command.h"

#include "libos/elf.h"
#include "libos/servers/program.h"
#include "libos/string.h"

#define PATH_BYTES   1024u
#define LINKS_MAX    40u
#define DEFAULT_PATH "/bin:/usr/bin"
#define TYPE_MASK    0170000u
#define TYPE_LINK    0120000u
#define TYPE_REGULAR 0100000u
#define MODE_EXECUTE 0111u

/* A path from the root without a leading slash: what is resolved, then what is still to do. */
struct walk {
    char done[PATH_BYTES], rest[PATH_BYTES];
};

/* Replaces `rest` by "text/rest". False: too long. */
static bool put_in_front(struct walk *w, const char *text, size_t bytes)
{
    size_t old = strlen(w->rest);

    if (bytes + 1 + old >= sizeof w->rest)
        return false;
    memmove(w->rest + bytes + 1, w->rest, old + 1);
    memcpy(w->rest, text, bytes);
    w->rest[bytes] = '/';
    return true;
}

/* Appends the next part of `rest` to `done`; ".." takes one away. False: nothing is left, or it is
 * too long. */
static bool step(struct walk *w)
{
    size_t bytes = 0, length = strlen(w->done);
    const char *part = w->rest;

    while (*part == '/')
        part++;
    while (part[bytes] && part[bytes] != '/')
        bytes++;
    if (!bytes)
        w->rest[0] = '\0';
    if (!bytes || length + 1 + bytes >= sizeof w->done)
        return false;
    if (bytes == 2 && part[0] == '.' && part[1] == '.') {
        while (length && w->done[--length] != '/') {
        }
        w->done[length] = '\0';
    } else if (bytes != 1 || part[0] != '.') {
        if (length)
            w->done[length++] = '/';
        memcpy(w->done + length, part, bytes);
        w->done[length + bytes] = '\0';
    }
    memmove(w->rest, part + bytes, strlen(part + bytes) + 1);
    return true;
}

/* The link at `done` gives way to what it names. */
static bool follow(struct walk *w, const struct archive_entry *link)
{
    const char *target = (const char *)link->data;
    size_t length = strlen(w->done);

    if (!link->bytes || !put_in_front(w, target, link->bytes))
        return false;
    while (length && w->done[--length] != '/') {
    }
    w->done[target[0] == '/' ? 0 : length] = '\0';
    return true;
}

/* Several names of a file: the data is stored with the last. */
static void find_data(const struct archive *a, struct archive_entry *file)
{
    struct archive_cursor at = {0};
    struct archive_entry other;

    if (file->bytes || file->links < 2)
        return;
    while (archive_next(a, &at, &other) == ERR_OK)
        if (other.archive == file->archive && other.inode == file->inode && other.bytes) {
            *file = other;
            return;
        }
}

/* The regular file that `path` names, seen from the root. */
static bool resolve(const struct archive *a, const char *path, struct archive_entry *file)
{
    static struct walk w;
    unsigned links = 0;
    bool found = false;

    w.done[0] = w.rest[0] = '\0';
    if (!put_in_front(&w, path, strlen(path)))
        return false;
    while (step(&w)) {
        found = archive_find(a, w.done, file) == ERR_OK;
        if (found && (file->mode & TYPE_MASK) == TYPE_LINK &&
            (++links > LINKS_MAX || !follow(&w, file)))
            return false;
    }
    if (!found || w.rest[0] || (file->mode & TYPE_MASK) != TYPE_REGULAR ||
        !(file->mode & MODE_EXECUTE) || !strncmp(w.done, ".exo4/", 6))
        return false;
    find_data(a, file);
    return true;
}

static const char *path_variable(const char *const *environment)
{
    for (; *environment; environment++)
        if (!strncmp(*environment, "PATH=", 5))
            return *environment + 5;
    return DEFAULT_PATH;
}

static bool find_along_path(const struct archive *a, const struct command *c,
                            struct archive_entry *file)
{
    const char *folder = path_variable(c->environment), *name = c->arguments[0];
    static char path[PATH_BYTES];

    for (;;) {
        const char *end = strchr(folder, ':');
        size_t bytes = end ? (size_t)(end - folder) : strlen(folder);
        if (bytes + 1 + strlen(name) < sizeof path) {
            memcpy(path, folder, bytes);
            path[bytes] = '/';
            memcpy(path + bytes + 1, name, strlen(name) + 1);
            if (resolve(a, path, file))
                return true;
        }
        if (!end)
            return false;
        folder = end + 1;
    }
}

enum err command_read(const struct archive *a, struct command *c)
{
    *c = (struct command){0};
    enum err e = archive_words(a, ".exo4/argv", &c->arguments);
    if (e == ERR_OK)
        e = archive_words(a, ".exo4/environ", &c->environment);
    if (e || !c->arguments[0])
        return e;
    bool found = strchr(c->arguments[0], '/') ? resolve(a, c->arguments[0], &c->file)
                                              : find_along_path(a, c, &c->file);
    if (!found)
        c->file.bytes = 0;
    c->has_libos = c->file.bytes && elf_has_note(c->file.data, c->file.bytes, PROGRAM_NOTE_OWNER,
                                                 PROGRAM_NOTE_LIBOS);
    return ERR_OK;
}
