/* Objects as commands take them: linked ones as they are, others linked on the way. */
#pragma once

#include "grafts/elf.h"
#include "grafts/program.h"
#include "grafts/prover/hook_names.h"
#include "grafts/prover/link.h"

struct object_file {
    struct work work;
    const char *path;
    void *image;
    size_t bytes;
    bool is_linked; /* the file had a program without relocations, as `graft prove` writes it */
    struct linked program;
    struct graft_parts parts; /* of a linked file */
    uint32_t hook;            /* by the file, or 0 */
};

/* Which program of the file, and for which hook; NULL: as the file has it. */
struct object_choice {
    const char *section, *function, *hook;
};

/* Reads, and links where needed. False after a message. object_close in either case. */
bool object_open_file(struct object_file *o, const char *path, const struct object_choice *choice);
void object_close(struct object_file *o);

/* One line: where, which instruction, which register, which fact is missing, what to do. */
void object_print_refusal(const struct object_file *o, const struct graft_report *r);

/* The same for what the linker or the prover left at: where, which name, what is wrong, what to do.
 */
void object_print_fault(const struct object_file *o);

/* Has the source file's name, or the object's, and the line: "a.c:12". */
const char *object_place(const struct object_file *o, uint32_t at, char text[256]);

/* What the kernel would say of it. False after a message. */
bool object_check(struct object_file *o, struct graft_program *p);
