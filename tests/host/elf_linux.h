/* Files that this machine's own kernel is asked to run, in a folder made for them. */
#pragma once

#include <stddef.h>

struct linux_end {
    int error;  /* of execve; 0: it began */
    int status; /* that it ended with; -1: it did not begin, or a signal ended it */
};

void linux_begin(void);  /* makes the folder, and goes there */
void linux_finish(void); /* the folder, which must be empty, goes */
void linux_folder(const char *name);
void linux_file(const char *name, const void *bytes, size_t count, unsigned mode);
void linux_remove(const char *name);
struct linux_end linux_run(const char *path);
