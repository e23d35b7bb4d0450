/* Trees: their invariants, tested over a whole table. */
#include "bindings/tree.h"

/* What has been counted of the tree that is looked at. */
struct tally {
    uint32_t typed[TREE_TYPES];
    uint32_t unread;
};

static bool in_part(const struct tree_part *p, uint32_t block)
{
    return p->tree && block - p->first < p->count;
}

/* The tree in whose part a block lies. */
static const struct tree *tree_of(const struct tree *t, uint32_t block)
{
    for (uint32_t i = 0; i < t->part_end; i++)
        if (in_part(&t->parts[i], block)) {
            t = t->parts[i].tree;
            i = UINT32_MAX; /* and on with that one's parts */
        }
    return t;
}

static const char *check_list(const struct tree *t, uint32_t name)
{
    const struct tree_entry *p = &t->table[name - 1];
    uint32_t count = 0;

    for (uint32_t n = p->child; n && count <= p->count; n = t->table[n - 1].next, count++)
        if (n > t->blocks || t->table[n - 1].owner != name)
            return "O2: a list has a block that the list's owner does not own";
    return count == p->count ? NULL : "O2: a list is not as long as its owner says";
}

/* Has a block that may own others to be looked at through another tree, which is not there? */
static bool is_lost(const struct tree *own, uint32_t block)
{
    bool lost = tree_entry(own, block)->type == TREE_ROOT;

    for (uint32_t i = 0; i < own->part_end; i++)
        if (own->parts[i].tree && own->parts[i].root == block)
            lost = false;
    return lost;
}

static const char *check_entry(const struct tree *t, uint32_t block)
{
    const struct tree_entry *e = tree_entry(t, block);
    bool none = e->state == TREE_FREE || e->state == TREE_LEFT;
    const struct tree *own = tree_of(t, block);

    if (none && (e->owner || e->next || e->child || e->count || e->busy || e->flags))
        return "O1: a block that is free has something, or somebody has it";
    if (e->count && e->type == TREE_DATA)
        return "O3: data owns blocks";
    if (e->count && (e->state == TREE_UNREAD || is_lost(own, block)))
        return "O3: what is not known owns blocks";
    if (!e->owner)
        return NULL;
    if (e->owner > t->blocks)
        return "O4: a block's owner is beyond the table";
    uint32_t owner = t->base + e->owner - 1;
    return owner == own->root ||
                   (tree_of(t, owner) == own && tree_entry(t, owner)->type != TREE_ROOT)
               ? NULL
               : "O4: a block and its owner are of two trees";
}

/* The blocks of one tree. */
static const char *check_counts(const struct tree *top, const struct tree *t)
{
    struct tally n = {0};

    for (uint32_t b = t->first; b - t->first < t->count; b++) {
        const struct tree_entry *e = tree_entry(t, b);
        bool none = e->state == TREE_FREE || e->state == TREE_LEFT;
        if (none || tree_of(top, b) != t || e->type == TREE_ROOT)
            continue;
        n.typed[e->type]++;
        n.unread += e->state == TREE_UNREAD;
    }
    if (t->up) {
        n.typed[t->root_type]++;
        n.unread += tree_entry(t, t->root)->state == TREE_UNREAD;
    }
    for (unsigned i = 0; i < TREE_TYPES; i++)
        if (n.typed[i] != t->typed[i])
            return "O5: a tree miscounts the blocks of a type";
    return n.unread == t->unread ? NULL : "O5: a tree miscounts the blocks that are not known";
}

static const struct tree *tree_under(const struct tree *t, uint32_t *at)
{
    while (*at < t->part_end)
        if (t->parts[(*at)++].tree)
            return t->parts[*at - 1].tree;
    return NULL;
}

/* All trees below, parents first; each one's way up says where its parent goes on. */
static const char *check_trees(const struct tree *top)
{
    const struct tree *t = top;
    uint32_t at = 0;
    const char *broken = check_counts(top, t);

    while (!broken) {
        const struct tree *next = tree_under(t, &at);
        if (next) {
            t = next;
            at = 0;
            broken = check_counts(top, t);
            continue;
        }
        if (t == top)
            break;
        for (at = 0; t->up->parts[at].tree != t;)
            at++;
        at++;
        t = t->up;
    }
    return broken;
}

const char *tree_check(const struct tree *t)
{
    uint32_t owned = 0, listed = 0;
    const char *broken = NULL;

    for (uint32_t i = 0; !broken && i < t->blocks; i++) {
        broken = check_entry(t, t->base + i);
        if (!broken)
            broken = check_list(t, i + 1);
        owned += t->table[i].owner != 0;
        listed += t->table[i].count;
    }
    if (!broken && owned != listed)
        broken = "O2: an owned block is in no list";
    return broken ? broken : check_trees(t);
}
