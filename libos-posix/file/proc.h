/*
 * /proc: texts that are made up when they are read, and a directory for each process, which is made
 * when somebody looks for it.
 */
#pragma once

#include "libos-posix/base/arena.h"

/* Before a name is looked for in /proc, or all are listed. */
void proc_visit(struct arena *a, const char *name, size_t bytes);
void proc_visit_all(struct arena *a);

/* The process goes, and its directory with it. */
void proc_forget(struct process *p);

/* Writes the text of a made-up file to `to`; returns its length, at most `capacity`. */
size_t proc_text(const struct node *n, char *to, size_t capacity);

/* What a made-up link says to `p`; valid until the next call. */
const char *proc_link(const struct process *p, const struct node *n, size_t *bytes);
