/* What commands about objects are asked: see arguments.h. */
#include "grafts/tool/arguments.h"

#include <string.h>

/* Where the option's word goes; NULL when there is no such option with a word. */
static const char **word_of(struct arguments *a, const char *option)
{
    if (!strcmp(option, "-o"))
        return &a->out;
    if (!strcmp(option, "--section"))
        return &a->choice.section;
    if (!strcmp(option, "--function"))
        return &a->choice.function;
    if (!strcmp(option, "--hook"))
        return &a->choice.hook;
    return NULL;
}

bool arguments_read(struct arguments *a, int count, char **words, int least, int most)
{
    memset(a, 0, sizeof *a);
    for (int i = 0; i < count; i++) {
        const char **word = word_of(a, words[i]);
        if (word && (*word || i + 1 == count))
            return false;
        if (word)
            *word = words[++i];
        else if (!strcmp(words[i], "-v"))
            a->verbose = true;
        else if (!strcmp(words[i], "--explain"))
            a->explain = true;
        else if (!strcmp(words[i], "--jit"))
            a->jit = true;
        else if (!strcmp(words[i], "--mask"))
            a->mask = true;
        else if (words[i][0] == '-' || a->count == most)
            return false;
        else
            a->words[a->count++] = words[i];
    }
    return a->count >= least;
}
