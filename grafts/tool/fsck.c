/* The command `fsck`: who owns which blocks of an image, from the root on. See fsck.h. */
#include "grafts/tool/fsck.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo/abi/disk.h"
#include "exo/abi/graft.h"
#include "grafts/interp.h"
#include "grafts/tool/arguments.h"
#include "grafts/tool/commands.h"
#include "grafts/tree_set.h"

#define LINES_MOST 50u /* of what is wrong, that are printed */

enum {
#define HELPER(number, name, ...) HELPER_##name = number,
#include "exo/abi/graft_helpers.def"
#undef HELPER
};

/* A block of metadata that is still to be looked at. */
struct open_block {
    uint32_t block, type, tree;
};

struct fsck {
    struct fsck_plan plan;
    const char *path;
    FILE *image;
    bool verbose;
    uint32_t first, blocks; /* of the first tree */
    uint32_t *owners;       /* [blocks] 1 + the owner; 0: nobody */
    struct open_block *open;
    uint32_t open_count, wrong;
    uint32_t unmade; /* roots of trees that are not there yet */
};

static struct tree_run runs[TREE_RUNS];
static struct tree_set set; /* of the template that runs */

__attribute__((format(printf, 2, 3))) static void complain(struct fsck *f, const char *form, ...)
{
    va_list rest;

    if (f->wrong++ >= LINES_MOST)
        return;
    va_start(rest, form);
    fprintf(stderr, "%s: ", f->path);
    vfprintf(stderr, form, rest);
    fputc('\n', stderr);
    va_end(rest);
}

/* The helper of the hook, and there is no other. */
static uint64_t owns(uint64_t first, uint64_t count, uint64_t type, uint64_t r4, uint64_t r5)
{
    (void)r4;
    (void)r5;
    tree_set_put(&set, first, count, type);
    return 0;
}

static uint64_t find_helper(void *self, int32_t number)
{
    (void)self;
    return number == HELPER_owns ? (uintptr_t)owns : 0;
}

static bool read_block(struct fsck *f, uint32_t block, uint8_t *contents)
{
    if (fseeko(f->image, (off_t)block * DISK_BLOCK_BYTES, SEEK_SET) == 0 &&
        fread(contents, DISK_BLOCK_BYTES, 1, f->image) == 1)
        return true;
    complain(f, "block %u cannot be read: %s", block,
             ferror(f->image) ? strerror(errno) : "the image ends before it");
    return false;
}

/* What a block owns, in `set`. */
static bool find_set(struct fsck *f, const struct open_block *b, const uint8_t *contents)
{
    const struct graft_outside outside = {.helper = find_helper};
    const struct fsck_type *t = &f->plan.trees[b->tree].types[b->type];
    struct graft_ownership context = {.data = (uintptr_t)contents,
                                      .data_end = (uintptr_t)contents + DISK_BLOCK_BYTES,
                                      .block = b->block,
                                      .type = b->type};
    uint64_t result;

    memcpy(context.parameter, t->parameters, sizeof t->parameters);
    set = (struct tree_set){.runs = runs};
    bool ended = graft_run_outside(&t->program, &outside, &context, &result);
    if (!ended || result != 0)
        complain(f, "block %u is malformed: %s, the template of type %u, %s", b->block, t->path,
                 b->type, ended ? "does not know it" : "does not end");
    else if (!tree_set_close(&set))
        complain(f, "block %u is malformed: it owns a block twice, or more than a block can",
                 b->block);
    else
        return true;
    return false;
}

static void push(struct fsck *f, uint32_t block, uint32_t type, uint32_t tree)
{
    f->open[f->open_count++] = (struct open_block){block, type, tree};
}

static bool is_zero(const uint8_t *contents)
{
    return contents[0] == 0 && !memcmp(contents, contents + 1, DISK_BLOCK_BYTES - 1);
}

/* The root of a tree that is made of `tree`. It holds zeros before that is there. */
static void enter_root(struct fsck *f, uint32_t block, uint32_t tree)
{
    uint8_t contents[DISK_BLOCK_BYTES];
    uint32_t k = 1;

    while (k < f->plan.count && f->plan.trees[k].root != block)
        k++;
    struct fsck_tree *t = k < f->plan.count ? &f->plan.trees[k] : NULL;
    if (t)
        t->is_reached = true;
    if (!read_block(f, block, contents))
        return;
    if (is_zero(contents))
        f->unmade++;
    else if (!t)
        complain(f, "block %u is the root of a tree that %s does not tell of", block, f->plan.path);
    else if (t->up != tree)
        complain(f, "block %u is the root of a tree (%s:%u) whose part its owner cannot give away",
                 block, f->plan.path, t->line);
    else
        push(f, block, t->root_type, k);
}

/* `by` says that it owns a block. */
static void own(struct fsck *f, const struct open_block *by, uint32_t block, uint32_t type)
{
    const uint32_t at = block - f->first;

    if (at >= f->blocks || fsck_plan_tree(&f->plan, block) != by->tree)
        complain(f, "block %u, which block %u owns, is not of its tree", block, by->block);
    else if (f->owners[at])
        complain(f, "block %u has two owners: block %u and block %u", block, f->owners[at] - 1,
                 by->block);
    else if (block == f->plan.trees[0].root)
        complain(f, "block %u, which block %u owns, is the root of all", block, by->block);
    else {
        f->owners[at] = by->block + 1;
        if (type == TREE_ROOT)
            enter_root(f, block, by->tree);
        else if (type != TREE_DATA && !f->plan.trees[by->tree].types[type].path)
            complain(f, "block %u, which block %u owns, is of type %u, which has no template",
                     block, by->block, type);
        else if (type != TREE_DATA)
            push(f, block, type, by->tree);
        else
            f->plan.trees[by->tree].found[TREE_DATA]++;
    }
}

static void look(struct fsck *f, const struct open_block *b)
{
    uint8_t contents[DISK_BLOCK_BYTES];

    f->plan.trees[b->tree].found[b->type]++;
    if (!read_block(f, b->block, contents) || !find_set(f, b, contents))
        return;
    if (f->verbose)
        printf("block %u, type %u: owns %u blocks in %u runs\n", b->block, b->type, set.blocks,
               set.count);
    for (uint32_t i = 0; i < set.count; i++)
        for (uint32_t k = 0; k < runs[i].count; k++)
            own(f, b, runs[i].first + k, runs[i].type);
}

static void walk(struct fsck *f)
{
    f->plan.trees[0].is_reached = true;
    push(f, f->plan.trees[0].root, f->plan.trees[0].root_type, 0);
    while (f->open_count > 0) {
        const struct open_block next = f->open[--f->open_count];
        look(f, &next);
    }
    if (f->wrong) /* may hide a root */
        return;
    for (uint32_t k = 0; k < f->plan.count; k++)
        if (!f->plan.trees[k].is_reached)
            complain(f, "block %u, the root of a tree (%s:%u), was not found from the first",
                     f->plan.trees[k].root, f->plan.path, f->plan.trees[k].line);
}

static void report(const struct fsck *f)
{
    uint32_t metadata = 0, data = 0;

    for (uint32_t k = 0; k < f->plan.count; k++) {
        const struct fsck_tree *t = &f->plan.trees[k];
        printf("tree of block %u, blocks %u to %u:", t->root, t->first, t->first + t->count - 1);
        for (uint32_t n = 1; n < TREE_TYPES; n++) {
            if (t->found[n])
                printf(" %u of type %u,", t->found[n], n);
            metadata += t->found[n];
        }
        printf(" %u of data\n", t->found[TREE_DATA]);
        data += t->found[TREE_DATA];
    }
    metadata += f->unmade;
    if (f->wrong > LINES_MOST)
        fprintf(stderr, "%s: and %u more\n", f->path, f->wrong - LINES_MOST);
    printf("%s: blocks: %u of metadata, %u of data, ", f->path, metadata, data);
    if (f->wrong)
        printf("%u %s wrong\n", f->wrong, f->wrong == 1 ? "thing is" : "things are");
    else
        printf("%u free\n", f->blocks - metadata - data);
}

static int check_image(struct fsck *f)
{
    f->first = f->plan.trees[0].first;
    f->blocks = f->plan.trees[0].count;
    f->owners = calloc(f->blocks, sizeof *f->owners);
    f->open = malloc(((size_t)f->blocks + 1) * sizeof *f->open);
    f->image = fopen(f->path, "rb");
    if (!f->image || !f->owners || !f->open) {
        fprintf(stderr, "graft: %s: %s\n", f->path, strerror(errno));
        return 1;
    }
    walk(f);
    report(f);
    return f->wrong ? 1 : 0;
}

int command_fsck(int count, char **words)
{
    static struct fsck f;
    struct arguments a;
    int result = 1;

    if (!arguments_read(&a, count, words, 2, 2, ARGUMENTS_VERBOSE))
        return COMMAND_USAGE;
    f.path = a.words[0];
    f.verbose = a.verbose;
    if (fsck_plan_open(&f.plan, a.words[1]))
        result = check_image(&f);
    if (f.image)
        fclose(f.image);
    free(f.owners);
    free(f.open);
    fsck_plan_close(&f.plan);
    return result;
}
