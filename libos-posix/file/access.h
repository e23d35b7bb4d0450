/*
 * Who may do what with a file: path_resolution(7), inode(7) and credentials(7). The effective user
 * counts; the superuser may everything, but runs only what somebody may run.
 */
#pragma once

#include "libos-posix/base/arena.h"

#define MAY_EXECUTE 1u /* of a directory: go through it */
#define MAY_WRITE   2u
#define MAY_READ    4u

/* 0, EACCES: one of `wanted` is not allowed; EROFS, EIO: it cannot be written by anybody. */
long access_check(const struct process *p, const struct node *n, uint32_t wanted);

/* The same for the real user, as access(2) asks. */
long access_check_real(const struct process *p, const struct node *n, uint32_t wanted);

static inline bool access_is_super(const struct process *p)
{
    return p->who.euid == 0;
}
bool access_is_owner(const struct process *p, const struct node *n);
bool access_is_in_group(const struct process *p, uint32_t gid);

/* May a name be made in `dir`, or taken away that names `n`? EPERM: the directory is sticky, and
 * neither is the caller's. */
long access_add(const struct process *p, const struct node *dir);
long access_remove(const struct process *p, const struct node *dir, const struct node *n);

/* A new node of `dir` becomes the caller's; a directory hands its group on. */
void access_own(const struct process *p, const struct node *dir, struct node *n);

/* Somebody writes to the file: it acts as nobody any more. */
void access_written(const struct process *p, struct node *n);
