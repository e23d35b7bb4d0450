/* What commands about objects are asked: one file, perhaps more words, options anywhere. */
#pragma once

#include "grafts/tool/object.h"

struct arguments {
    const char *words[2]; /* that are no options */
    int count;
    const char *out; /* -o */
    struct object_choice choice;
    bool verbose, explain; /* -v, --explain */
    bool jit, mask;        /* --jit, --mask */
};

/* False: something is not understood, or there are not from `least` to `most` words. */
bool arguments_read(struct arguments *a, int count, char **words, int least, int most);
