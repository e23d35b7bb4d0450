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

struct exec_program {
    struct elf_image image;
    vaddr_t bias;     /* what is added to every address of the image */
    const char *name; /* as the caller gave it: AT_EXECFN */
    struct exec_strings arguments, environment;
    bool replaces; /* the program that calls execve, and is unmapped */
    bool has_left; /* the old program is gone: there is no way back */
};

struct posix_start;

/* Loads the program, or the interpreter of the script, that program->name names. The errors of
 * posix_exec. */
long exec_run(struct process *p, struct exec_program *program, struct posix_start *out);

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
