/* Trees: the table, what is free, and the trees themselves. */
#include "bindings/tree.h"

#include "bindings/node.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"
#include "exo/io/disk.h"
#include "exo/mem/frame.h"

static struct tree *trees[TREES_MAX]; /* those that are made of extents */

static uint32_t flushes_begun, flushes_ended; /* modulo 2^32 */

uint32_t tree_flush_begin(void)
{
    return ++flushes_begun;
}

void tree_flush_end(uint32_t number)
{
    if ((int32_t)(number - flushes_ended) > 0)
        flushes_ended = number;
}

uint32_t tree_stamp(void)
{
    return flushes_begun;
}

bool tree_is_durable(uint32_t stamp)
{
    return !disk_is_cached() || (int32_t)(flushes_ended - stamp) > 0;
}

struct tree_entry *tree_entry(const struct tree *t, uint32_t block)
{
    return &t->table[block - t->base];
}

static bool overlap(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
    return a - b < b_count || b - a < a_count;
}

bool tree_covers(uint32_t first, uint32_t count)
{
    for (unsigned i = 0; i < TREES_MAX; i++)
        if (trees[i] && overlap(first, count, trees[i]->base, trees[i]->blocks))
            return true;
    return false;
}

bool tree_has_room(void)
{
    for (unsigned i = 0; i < TREES_MAX; i++)
        if (!trees[i])
            return true;
    return false;
}

/* Is it free, or would be if the tree knew all its blocks? */
static bool is_free(const struct tree_entry *e)
{
    return e->state == TREE_FREE || (e->state == TREE_LEFT && tree_is_durable(e->stamp));
}

bool tree_has_free(const struct tree *t, uint32_t first, uint32_t count)
{
    if (first - t->first > t->count || count > t->count - (first - t->first))
        return false;
    for (uint32_t i = 0; i < t->part_end; i++) {
        const struct tree_part *p = &t->parts[i];
        if (p->count && overlap(first, count, p->first, p->count) &&
            !is_free(tree_entry(t, p->root)))
            return false;
    }
    return true;
}

bool tree_has(const struct tree *t, uint32_t first, uint32_t count)
{
    return (first == t->root && count == 1) || tree_has_free(t, first, count);
}

bool tree_is_loose(const struct tree *t, uint32_t block)
{
    const struct tree_entry *e = tree_entry(t, block);

    return !e->owner && block != t->root && (e->state == TREE_NEW || e->state == TREE_OWNED);
}

struct tree_part *tree_part_of(struct tree *t, uint32_t root)
{
    for (uint32_t i = 0; i < t->part_end; i++)
        if (t->parts[i].count && t->parts[i].root == root)
            return &t->parts[i];
    return NULL;
}

struct tree_part *tree_part_room(struct tree *t, uint32_t root)
{
    struct tree_part *p = tree_part_of(t, root);

    for (uint32_t i = 0; !p && i < TREE_PARTS; i++)
        if (!t->parts[i].count || is_free(tree_entry(t, t->parts[i].root)))
            p = &t->parts[i];
    return p;
}

uint32_t tree_check_free(const struct tree *t, uint32_t block)
{
    const struct tree_entry *e = tree_entry(t, block);

    if (e->state != TREE_FREE && e->state != TREE_LEFT)
        return DISK_OWNER;
    return is_free(e) && t->has_begun && t->unread == 0 && tree_is_durable(t->born) ? 0
                                                                                    : DISK_ORDER;
}

void tree_enter(struct tree *t, uint32_t block, uint32_t type, enum tree_state state)
{
    struct tree_part *stale = tree_part_of(t, block);

    if (stale)
        *stale = (struct tree_part){0};
    *tree_entry(t, block) = (struct tree_entry){
        .type = (uint8_t)type, .state = (uint8_t)state, .stamp = flushes_ended - 1};
    if (type == TREE_ROOT)
        return;
    t->typed[type]++;
    t->unread += state == TREE_UNREAD;
}

void tree_leave(struct tree *t, uint32_t block)
{
    struct tree_entry *e = tree_entry(t, block);

    if (e->type != TREE_ROOT)
        t->typed[e->type]--;
    *e = (struct tree_entry){.state = TREE_LEFT, .stamp = flushes_begun};
}

static void set_root(struct tree *t, const struct tree_load *load)
{
    struct tree_entry *e = tree_entry(t, load->root);

    t->root = load->root;
    t->root_type = load->type;
    t->has_begun = !load->is_new;
    t->unread = !load->is_new;
    t->born = flushes_begun;
    t->typed[load->type] = 1;
    e->state = load->is_new ? TREE_NEW : TREE_UNREAD;
    if (!t->up)
        e->type = (uint8_t)load->type;
}

static void begin_of_extent(struct tree *t, const struct cap *extent)
{
    unsigned i = 0;

    while (trees[i])
        i++;
    ASSERT(i < TREES_MAX);
    trees[i] = t;
    t->base = t->first = extent->base;
    t->blocks = t->count = extent->count;
    t->table = (struct tree_entry *)((char *)t + (4u + t->copies) * (size_t)PAGE_SIZE);
}

static void begin_of_tree(struct tree *t, const struct tree_load *load)
{
    struct tree *up = t->up;
    struct tree_part *p = tree_part_room(up, load->root);
    uint32_t end = (uint32_t)(p - up->parts) + 1;

    up->part_end = up->part_end > end ? up->part_end : end;
    *p = (struct tree_part){t, load->root, load->first, load->count};
    t->base = up->base;
    t->blocks = up->blocks;
    t->table = up->table;
    t->first = load->first;
    t->count = load->count;
}

void tree_begin(struct tree *t, struct cap *above, struct tree *up, const struct tree_load *load)
{
    t->copies = load->copies;
    t->up = up;
    if (up)
        begin_of_tree(t, load);
    else
        begin_of_extent(t, above);
    set_root(t, load);
    node_link(&above->node, &t->above);
}

/* What was found out is forgotten: another tree may take its place, and has to look again. */
static void forget(struct tree *t)
{
    struct tree_part *p = tree_part_of(t->up, t->root);
    struct tree_entry *e = tree_entry(t, t->root);

    memset(tree_entry(t, t->first), 0, t->count * sizeof *e);
    e->child = e->count = 0;
    e->state = TREE_UNREAD;
    p->tree = NULL;
}

void tree_end(struct tree *t)
{
    if (t->up)
        forget(t);
    for (unsigned i = 0; i < TREES_MAX; i++)
        if (trees[i] == t)
            trees[i] = NULL;
    for (unsigned i = 0; i < TREE_TYPES - 1; i++)
        if (t->templates[i].parent)
            node_unlink(&t->templates[i]);
    node_unlink(&t->above);
}
