/*
 * Loads a graft out of the root file system, as clang made it, and puts it where this program's
 * calls of other systems arrive. A second file takes the place of the first.
 *
 *   rules FILE [FILE]        files are named without a leading '/'
 */
#include "libos-graft/loader.h"
#include "libos/archive.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"

static struct archive archive;
static struct loader_graft graft;

static bool report(const char *name, enum err e, const char *message)
{
    if (e != ERR_OK)
        log_error_line("rules: %s", message[0] ? message : error_text(e));
    else
        log_line("rules: %s: loaded, %u maps, %u instructions at most", name, graft.map_count,
                 graft.steps);
    return e == ERR_OK;
}

static bool load(const char *name, bool first)
{
    struct loader_file file = {.name = name};
    char message[LOADER_MESSAGE] = "";
    struct archive_entry entry;
    enum err e = archive_find(&archive, name, &entry);

    if (e == ERR_OK) {
        file.image = entry.data;
        file.bytes = entry.bytes;
        e = first ? loader_load(&graft, &file, message)
                  : loader_update(&graft, &file, SLOT_ENV, message);
    }
    if (e == ERR_OK && first)
        e = loader_bind(&graft, SLOT_ENV);
    return report(name, e, message);
}

int main(int argc, char **argv)
{
    if (libos_setup() != ERR_OK)
        return 1;
    if (argc < 2 || argc > 3) {
        log_error_line("usage: rules FILE [FILE]");
        return 64;
    }
    enum err e = archive_map(&archive);
    if (e != ERR_OK) {
        log_error_line("rules: the root file system: %s", error_text(e));
        return 1;
    }
    for (int i = 1; i < argc; i++)
        if (!load(argv[i], i == 1))
            return 1;
    loader_end(&graft);
    return 0;
}
