/* What commands about objects are asked: one file, perhaps more words, options anywhere. */
#pragma once

#include "grafts/tool/object.h"

/* Which options a command has. */
enum arguments_options {
    ARGUMENTS_CHOICE = 1,   /* --section, --function, --hook */
    ARGUMENTS_PROVE = 2,    /* -o, --explain                 */
    ARGUMENTS_JIT = 4,      /* --jit                         */
    ARGUMENTS_MASK = 8,     /* --mask                        */
    ARGUMENTS_CONFORM = 16, /* --interpret, --program        */
    ARGUMENTS_VERBOSE = 32, /* -v                            */
};

struct arguments {
    const char *words[2]; /* that are no options */
    int count;
    const char *out; /* -o */
    struct object_choice choice;
    bool verbose, explain; /* -v, --explain */
    bool jit, mask;        /* --jit, --mask */
    bool interpret;        /* --interpret   */
    const char *program;   /* --program     */
};

/* False after a message: something is not understood, or there are not from `least` to `most`
 * words. `options`: a set of ARGUMENTS_*. */
bool arguments_read(struct arguments *a, int count, char **words, int least, int most,
                    unsigned options);
