/* Pages that are written when they are asked for: the system's own figures, and directories. */
#pragma once

#include "libos-net/examples/http_text.h"
#include "libos/archive.h"

/* What exo4 is, how it is doing now, and what lies in the root. */
void page_index(struct http_text *t, const struct archive *a, const char *real);

/* What lies in the directory `real` (of files_find). */
void page_directory(struct http_text *t, const struct archive *a, const char *real);
