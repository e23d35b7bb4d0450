/* The boot image's root file system as a tree of paths. */
#include "libos-net/examples/http_files.h"

#include <string.h>

/* POSIX st_mode. */
#define TYPE_MASK      0170000u
#define TYPE_DIRECTORY 0040000u
#define TYPE_REGULAR   0100000u
#define TYPE_LINK      0120000u

static bool has_type(const struct archive_entry *e, uint32_t type)
{
    return (e->mode & TYPE_MASK) == type;
}

/* Appends the parts of `more` to the path in `to` (which has no '/' at its end), going up at `..`
 * but never above the root. False: it does not fit. */
static bool append_parts(char to[HTTP_PATH_MAX], size_t *used, const char *more, size_t count)
{
    size_t at = 0;

    while (at < count) {
        size_t begin = at;
        while (at < count && more[at] != '/')
            at++;
        size_t bytes = at++ - begin;
        if (bytes == 0 || (bytes == 1 && more[begin] == '.'))
            continue;
        if (bytes == 2 && more[begin] == '.' && more[begin + 1] == '.') {
            while (*used > 0 && to[--*used] != '/')
                ;
            continue;
        }
        if (*used + 1 + bytes >= HTTP_PATH_MAX)
            return false;
        to[(*used)++] = '/';
        memcpy(to + *used, more + begin, bytes);
        *used += bytes;
    }
    return true;
}

/* Replaces the link that ends at `end` in `real` by its target; what stood behind stays behind. */
static bool follow(char real[HTTP_PATH_MAX], size_t end, const struct archive_entry *link)
{
    char made[HTTP_PATH_MAX];
    size_t used = 0;
    const char *target = (const char *)link->data;
    size_t parent = end;

    if (link->bytes == 0)
        return false;
    while (real[parent] != '/')
        parent--;
    if (target[0] != '/' && !append_parts(made, &used, real, parent))
        return false;
    if (!append_parts(made, &used, target, link->bytes) ||
        !append_parts(made, &used, real + end, strlen(real + end)))
        return false;
    memcpy(real, made, used);
    real[used] = '\0';
    return true;
}

static bool holds_nul(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] == 0)
            return true;
    return false;
}

/* Turns `path` into one without links in `real`: "" for the root, else "/a/b". */
static bool resolve(const struct archive *a, const char *path, char real[HTTP_PATH_MAX])
{
    size_t used = 0;
    unsigned links = 0;

    if (!append_parts(real, &used, path, strlen(path)))
        return false;
    real[used] = '\0';
    for (size_t end = 0; real[end];) {
        struct archive_entry e;
        end++;
        while (real[end] && real[end] != '/')
            end++;
        char behind = real[end];
        real[end] = '\0';
        bool link = archive_find(a, real + 1, &e) == ERR_OK && has_type(&e, TYPE_LINK);
        real[end] = behind;
        if (!link)
            continue;
        if (++links > FILES_LINKS_MAX || holds_nul(e.data, e.bytes) || !follow(real, end, &e))
            return false;
        end = 0;
    }
    return true;
}

/* A file with several names has its data behind one of them only. */
static void find_data(const struct archive *a, struct archive_entry *e)
{
    struct archive_cursor at = {0};
    struct archive_entry other;

    if (e->bytes > 0 || e->links < 2)
        return;
    while (archive_next(a, &at, &other) == ERR_OK)
        if (other.archive == e->archive && other.inode == e->inode && other.bytes > 0) {
            *e = other;
            return;
        }
}

static bool is_below(const char *name, const char *directory, size_t length)
{
    return length == 0 || (strncmp(name, directory, length) == 0 && name[length] == '/');
}

static bool holds_something(const struct archive *a, const char *real)
{
    struct archive_cursor at = {0};
    struct files_item item = {0};

    return files_list(a, real, &at, &item);
}

enum file_kind files_find(const struct archive *a, const char *path, char real[HTTP_PATH_MAX],
                          struct archive_entry *out)
{
    if (!resolve(a, path, real) || http_is_hidden(real))
        return FILE_NONE;
    if (!real[0])
        return FILE_DIRECTORY;
    if (archive_find(a, real + 1, out) != ERR_OK)
        return holds_something(a, real) ? FILE_DIRECTORY : FILE_NONE;
    if (has_type(out, TYPE_DIRECTORY))
        return FILE_DIRECTORY;
    if (!has_type(out, TYPE_REGULAR))
        return FILE_NONE;
    find_data(a, out);
    return FILE_REGULAR;
}

bool files_list(const struct archive *a, const char *real, struct archive_cursor *at,
                struct files_item *item)
{
    const char *directory = real[0] ? real + 1 : "";
    size_t length = strlen(directory);
    struct archive_entry e;

    while (archive_next(a, at, &e) == ERR_OK) {
        if (!is_below(e.name, directory, length))
            continue;
        const char *name = e.name + length + (length > 0);
        size_t bytes = 0;
        while (name[bytes] && name[bytes] != '/')
            bytes++;
        bool system = length == 0 && bytes == 5 && memcmp(name, ".exo4", 5) == 0;
        bool itself = bytes == 0 || (bytes == 1 && name[0] == '.');
        /* What lies deeper names its directory again and again. */
        bool again = bytes == item->length && memcmp(name, item->name, bytes) == 0;
        if (system || itself || again)
            continue;
        *item = (struct files_item){name, bytes, name[bytes] == '/' || has_type(&e, TYPE_DIRECTORY),
                                    e.bytes};
        return true;
    }
    return false;
}
