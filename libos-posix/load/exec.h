/* Loading a program: the steps that exec.c and exec_stack.c share. */
#pragma once

#include "libos-posix/base/arena.h"
#include "libos-posix/load/elf.h"

#define EXEC_STRINGS_MAX ((size_t)128 * 1024) /* bytes of arguments and environment */
#define EXEC_SCRIPTS_MAX 4u                   /* interpreters of interpreters */

/* A list of strings in the core's memory. */
struct exec_strings {
    const char *const *first; /* used before `rest`: what a script line puts in front */
    size_t first_count;
    const char *const *rest;
    size_t rest_count;
};

/* A file whose segments are mapped: the program, or the dynamic linker that it names. */
struct exec_image {
    struct elf_image elf;
    vaddr_t bias; /* what is added to every address of it */
};

struct exec_program {
    struct exec_image image;
    struct exec_image linker; /* begins in the program's place; meaningful if there is one: */
    struct node *node;        /* the program's file */
    struct node *linker_node; /* its file, held; NULL: a static program */
    const char *name;         /* as the caller gave it: AT_EXECFN */
    struct exec_strings arguments, environment;
    bool replaces; /* the program that calls execve, and is unmapped */
    bool has_left; /* the old program is gone: there is no way back */
};

struct posix_start;
struct walk;

/* Loads the program, or the interpreter of the script, that program->name names. The errors of
 * posix_exec. */
long exec_run(struct process *p, struct exec_program *program, struct posix_start *out);

/* The file that `path` names, if it may be run. Errors of path_walk; EACCES, ETXTBSY. */
long exec_find(struct process *p, const char *path, struct walk *w);

/* Reads exactly `bytes` of the file into core memory. ENOEXEC: it ends before. */
long exec_read(struct node *n, uint64_t at, void *to, size_t bytes);

/* Reads and judges the headers. ENOEXEC. */
long exec_read_image(struct node *n, struct elf_image *out);

/* Finds the dynamic linker that the program in `n` names, if any, and judges it. On success
 * program->linker_node has to be dropped. ENOEXEC: the name is none; EIO: the name or the linker's
 * header is not whole; errors of exec_find; ELIBBAD: it is no program for this machine. */
long exec_find_linker(struct process *p, struct node *n, struct exec_program *program);

/* Says where program and linker go. ENOMEM: there is no such place. */
long exec_place(const struct process *p, struct exec_program *program);

/* E2BIG: the strings are above EXEC_STRINGS_MAX. */
long exec_check_strings(const struct exec_program *program);

/* The point of no return of execve: all other threads end, and what belonged to the old program
 * is forgotten. -RESTART: the process ends meanwhile, or a signal came; nothing has changed. */
long exec_leave_old(struct process *p, struct exec_program *program);

/* Set-user-ID and set-group-ID bits of the file. */
void exec_take_identity(struct process *p, const struct node *n);

/* Maps a stack and fills it as the System V ABI says ("Process Initialization"); *stack is where
 * argc stands. E2BIG, ENOMEM. */
long exec_build_stack(struct process *p, const struct exec_program *program, vaddr_t *stack);

const char *exec_string(const struct exec_strings *s, size_t index);
size_t exec_string_count(const struct exec_strings *s);
