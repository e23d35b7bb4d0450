/* The boot image's root file system as a tree of paths: lookup that follows symbolic links and
 * never leaves the root, and what a directory holds. */
#pragma once

#include "libos-net/examples/http_parse.h"
#include "libos/archive.h"

#define FILES_LINKS_MAX 8u /* symbolic links followed in one path */

enum file_kind { FILE_NONE, FILE_REGULAR, FILE_DIRECTORY };

/* Looks a path up, as http_path makes it. FILE_REGULAR: *out is the entry with the data.
 * `real` receives the path without links. Hidden files are FILE_NONE. */
enum file_kind files_find(const struct archive *a, const char *path, char real[HTTP_PATH_MAX],
                          struct archive_entry *out);

/* One thing in a directory. */
struct files_item {
    const char *name; /* in the archive, not terminated */
    size_t length;
    bool directory;
    size_t bytes;
};

/* The next thing in the directory `real` (of files_find). A cursor of zeroes begins; `item` is
 * given back unchanged from call to call. False: no more. */
bool files_list(const struct archive *a, const char *real, struct archive_cursor *at,
                struct files_item *item);
