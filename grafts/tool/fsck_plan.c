/* What `graft fsck` is told: see fsck.h. */
#include "grafts/tool/fsck.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096
#define WORDS_MOST 8

/* A line in words. */
struct line {
    const char *plan;
    unsigned number;
    char text[LINE_BYTES];
    char *words[WORDS_MOST];
    int count;
};

static bool complain(const struct line *l, const char *what)
{
    fprintf(stderr, "graft: %s:%u: %s\n", l->plan, l->number, what);
    return false;
}

static bool split(struct line *l)
{
    char *rest = NULL;

    l->count = 0;
    l->text[strcspn(l->text, "#\n")] = '\0';
    for (char *w = strtok_r(l->text, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest)) {
        if (l->count == WORDS_MOST)
            return complain(l, "too many words");
        l->words[l->count++] = w;
    }
    return true;
}

/* Decimal, or hexadecimal behind 0x. */
static bool number_of(const struct line *l, int at, uint64_t most, uint64_t *value)
{
    const char *word = l->words[at];
    char *end;

    errno = 0;
    *value = strtoull(word, &end, 0);
    if (word[0] >= '0' && word[0] <= '9' && !*end && !errno && *value <= most)
        return true;
    fprintf(stderr, "graft: %s:%u: %s is no number from 0 to %llu\n", l->plan, l->number, word,
            (unsigned long long)most);
    return false;
}

static bool field(const struct line *l, int at, uint64_t most, uint32_t *value)
{
    uint64_t wide;

    if (!number_of(l, at, most, &wide))
        return false;
    *value = (uint32_t)wide;
    return true;
}

static bool contains(const struct fsck_tree *t, uint32_t block)
{
    return block - t->first < t->count;
}

uint32_t fsck_plan_tree(const struct fsck_plan *p, uint32_t block)
{
    uint32_t found = 0;

    for (uint32_t k = 1; k < p->count; k++)
        if (contains(&p->trees[k], block) && p->trees[k].count < p->trees[found].count)
            found = k;
    return found;
}

/* Is its part in another's, or beside it? */
static bool lies_well(const struct fsck_tree *t, const struct fsck_tree *other)
{
    bool begins = contains(other, t->first), ends = contains(other, t->first + t->count - 1);

    return begins == ends && !(begins && t->count >= other->count) &&
           (begins || !contains(t, other->first));
}

static bool read_tree(struct fsck_plan *p, const struct line *l)
{
    struct fsck_tree *t = &p->trees[p->count];

    if (l->count != 6 || strcmp(l->words[3], "root"))
        return complain(l, "a tree is told by: tree FIRST COUNT root BLOCK TYPE");
    if (p->count == FSCK_TREES)
        return complain(l, "too many trees");
    *t = (struct fsck_tree){.line = l->number};
    if (!field(l, 1, UINT32_MAX - TREE_BLOCKS, &t->first) || !field(l, 2, TREE_BLOCKS, &t->count) ||
        !field(l, 4, UINT32_MAX, &t->root) || !field(l, 5, TREE_TYPES - 1, &t->root_type))
        return false;
    if (t->count == 0 || t->root_type == 0)
        return complain(l, "a tree has blocks, and its root a type from 1 on");
    if (p->count == 0 && !contains(t, t->root))
        return complain(l, "the first tree's root is one of its blocks");
    for (uint32_t k = 0; k < p->count; k++) {
        if (!lies_well(t, &p->trees[k]) || (k == 0 && !contains(&p->trees[0], t->first)))
            return complain(l,
                            "a tree's part lies in that of one above it here, beside the others");
        if (p->trees[k].root == t->root)
            return complain(l, "two trees have one root");
    }
    t->up = fsck_plan_tree(p, t->first);
    p->count++;
    return true;
}

/* The file's name, from the plan's folder. NULL: no memory. */
static char *path_from(const char *plan, const char *name)
{
    const char *slash = name[0] == '/' ? NULL : strrchr(plan, '/');
    int folder = slash ? (int)(slash + 1 - plan) : 0;
    size_t bytes = (size_t)folder + strlen(name) + 1;
    char *path = malloc(bytes);

    if (path)
        snprintf(path, bytes, "%.*s%s", folder, plan, name);
    return path;
}

static bool open_template(struct fsck_type *t)
{
    if (!object_open_file(&t->object, t->path, &(struct object_choice){0}))
        return false;
    if (t->object.hook != GRAFT_HOOK_OWNERSHIP) {
        fprintf(stderr, "graft: %s: it is for %s; templates are for OWNERSHIP\n", t->path,
                hook_name(t->object.hook));
        return false;
    }
    return object_check(&t->object, &t->program);
}

static bool read_type(struct fsck_plan *p, const struct line *l)
{
    struct fsck_tree *tree = p->count ? &p->trees[p->count - 1] : NULL;
    uint32_t number;

    if (!tree)
        return complain(l, "a type stands below its tree");
    if (l->count < 3 || l->count > 3 + (int)TREE_PARAMETERS)
        return complain(l, "a type is told by: type NUMBER FILE [P0 P1 P2 P3]");
    if (!field(l, 1, TREE_TYPES - 1, &number))
        return false;
    struct fsck_type *t = &tree->types[number];
    if (number == TREE_DATA || t->path)
        return complain(l, number ? "the tree has such a type already" : "type 0 is data");
    for (int k = 3; k < l->count; k++)
        if (!number_of(l, k, UINT64_MAX, &t->parameters[k - 3]))
            return false;
    t->path = path_from(p->path, l->words[2]);
    return t->path ? open_template(t) : complain(l, "no memory");
}

static bool read_line(struct fsck_plan *p, struct line *l)
{
    if (strlen(l->text) == LINE_BYTES - 1)
        return complain(l, "the line is too long");
    if (!split(l) || l->count == 0)
        return l->count == 0;
    if (!strcmp(l->words[0], "tree"))
        return read_tree(p, l);
    if (!strcmp(l->words[0], "type"))
        return read_type(p, l);
    return complain(l, "a line tells of a tree or a type");
}

static bool has_types_of_roots(const struct fsck_plan *p)
{
    for (uint32_t k = 0; k < p->count; k++) {
        const struct fsck_tree *t = &p->trees[k];
        if (!t->types[t->root_type].path) {
            fprintf(stderr, "graft: %s:%u: type %u, the root's, has no template\n", p->path,
                    t->line, t->root_type);
            return false;
        }
    }
    if (p->count == 0)
        fprintf(stderr, "graft: %s: it tells of no tree\n", p->path);
    return p->count > 0;
}

bool fsck_plan_open(struct fsck_plan *p, const char *path)
{
    struct line l = {.plan = path};
    FILE *f = fopen(path, "r");
    bool good = f;

    p->path = path;
    p->count = 0;
    if (!f)
        fprintf(stderr, "graft: %s: %s\n", path, strerror(errno));
    while (good && fgets(l.text, sizeof l.text, f)) {
        l.number++;
        good = read_line(p, &l);
    }
    if (f)
        fclose(f);
    return good && has_types_of_roots(p);
}

void fsck_plan_close(struct fsck_plan *p)
{
    for (uint32_t k = 0; k < p->count; k++)
        for (uint32_t n = 0; n < TREE_TYPES; n++)
            if (p->trees[k].types[n].path) {
                object_close(&p->trees[k].types[n].object);
                free(p->trees[k].types[n].path);
            }
}
