/* What commands about objects are asked: see arguments.h. */
#include "grafts/tool/arguments.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct option {
    const char *name;
    unsigned group;
    bool has_word;
    size_t at; /* in struct arguments: a word, or a flag */
} options[] = {
    {"--section", ARGUMENTS_CHOICE, true, offsetof(struct arguments, choice.section)},
    {"--function", ARGUMENTS_CHOICE, true, offsetof(struct arguments, choice.function)},
    {"--hook", ARGUMENTS_CHOICE, true, offsetof(struct arguments, choice.hook)},
    {"-o", ARGUMENTS_PROVE, true, offsetof(struct arguments, out)},
    {"-v", ARGUMENTS_VERBOSE, false, offsetof(struct arguments, verbose)},
    {"--explain", ARGUMENTS_PROVE, false, offsetof(struct arguments, explain)},
    {"--jit", ARGUMENTS_JIT, false, offsetof(struct arguments, jit)},
    {"--mask", ARGUMENTS_MASK, false, offsetof(struct arguments, mask)},
    {"--interpret", ARGUMENTS_CONFORM, false, offsetof(struct arguments, interpret)},
    {"--program", ARGUMENTS_CONFORM, true, offsetof(struct arguments, program)},
};

static bool complain(const char *word, const char *what)
{
    fprintf(stderr, "graft: %s %s\n", word, what);
    return false;
}

static const struct option *find(const char *name, unsigned groups)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].group & groups && !strcmp(options[i].name, name))
            return &options[i];
    return NULL;
}

/* Takes the option at words[0], of `left` words, and how many it took. 0 after a message. */
static int take_option(struct arguments *a, char **words, int left, unsigned groups)
{
    const struct option *o = find(words[0], groups);
    void *at = (char *)a + (o ? o->at : 0);

    if (!o)
        return complain(words[0], "is no option of this command");
    if (!o->has_word) {
        *(bool *)at = true;
        return 1;
    }
    if (left < 2)
        return complain(words[0], "needs a word behind it");
    if (*(const char **)at)
        return complain(words[0], "is given twice");
    *(const char **)at = words[1];
    return 2;
}

bool arguments_read(struct arguments *a, int count, char **words, int least, int most,
                    unsigned groups)
{
    memset(a, 0, sizeof *a);
    for (int i = 0, taken; i < count; i += taken) {
        taken = 1;
        if (words[i][0] == '-' && (taken = take_option(a, words + i, count - i, groups)) == 0)
            return false;
        if (words[i][0] == '-')
            continue;
        if (a->count == most)
            return complain(words[i], "is one word too many");
        a->words[a->count++] = words[i];
    }
    if (a->count >= least)
        return true;
    if (a->count == 0)
        return complain("what to work on", "is missing");
    return complain(groups & ARGUMENTS_JIT ? "the packet" : "the plan", "is missing");
}
