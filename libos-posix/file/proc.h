/*
 * /proc: texts that are made up when they are read, and a directory for each process, which is made
 * when somebody looks for it.
 */
#pragma once

#include "libos-posix/base/arena.h"
#include "libos-posix/file/node.h"

/* Directories whose entries are made when somebody looks for them. */
static inline bool proc_is_made(const struct arena *a, const struct node *dir)
{
    return dir == a->proc || dir->made_up == MADE_FILES || dir->made_up == MADE_FILE_INFOS;
}

/* Before a name is looked for in such a directory, or all are listed. */
void proc_visit(struct arena *a, struct node *dir, const char *name, size_t bytes);
void proc_visit_all(struct arena *a, struct node *dir);

/* The open file that a link in /proc/PID/fd leads to; NULL: it is no such link. */
struct file *proc_open_file(const struct arena *a, const struct node *n);

/* What a text that never changes says. */
const char *proc_fixed(const struct node *n);

/* The process goes, and its directory with it. */
void proc_forget(struct process *p);

/* Bytes that the text of a made-up file has room for; what does not fit is dropped. */
size_t proc_room(const struct node *n);

/* Writes the text of a made-up file to `to`; returns its length, at most `capacity`. */
size_t proc_text(const struct node *n, char *to, size_t capacity);

/* What a made-up link says to `p`; valid until the next call. */
const char *proc_link(const struct process *p, const struct node *n, size_t *bytes);
