/* Reading the nodes of the derivation forest. */
#include "libos-net/examples/http_forest.h"

#include "libos/book.h"
#include "libos/heap.h"
#include "libos/inspect.h"

#define FIRST_ROOM 1024u /* nodes */
#define TRIES      4u    /* tables may come and go while they are bound */

static void add(struct forest *f, node_t name, node_t parent, uint32_t env, const char *what,
                bool is_cap)
{
    if (f->count == f->room) {
        uint32_t room = f->room ? 2 * f->room : FIRST_ROOM;
        struct forest_node *nodes = heap_resize(f->nodes, room * sizeof *nodes);
        if (!nodes) {
            f->left_out++;
            return;
        }
        f->nodes = nodes;
        f->room = room;
    }
    f->nodes[f->count++] = (struct forest_node){name, parent, what, env, FOREST_NO_BOX, is_cap};
}

static const char *what_is(const struct inspect_item *item)
{
    switch (item->kind) {
    case INSPECT_CAP:
        return inspect_kind_name(item->cap.kind);
    case INSPECT_TABLE:
        return "page tables";
    case INSPECT_SHARE:
        return "shared tables";
    case INSPECT_SLICE:
        return "slices";
    default:
        return forest_pages;
    }
}

/* A binding in a frame that only the kernel reads is known by its neighbours. */
static void add_held(struct forest *f, node_t name, node_t parent)
{
    if (name && !inspect_node(name))
        add(f, name, parent, book_frame_read(inspect_node_frame(name)).owner,
            inspect_held_name(name), false);
}

static void add_item(void *context, const struct inspect_item *item)
{
    struct forest *f = context;

    add(f, item->name, item->node.parent, item->env, what_is(item), item->kind == INSPECT_CAP);
    add_held(f, item->node.child, item->name);
    add_held(f, item->node.next, item->node.parent);
    add_held(f, item->node.prev, item->node.parent);
    add_held(f, item->node.parent, 0);
}

enum err forest_read(struct forest *f)
{
    enum err e = KINFO->hidden ? ERR_NOT_BOUND : inspect_open();

    f->count = f->box_count = f->columns = f->rows = f->left_out = 0;
    for (unsigned i = 1; e && e != ERR_BAD_CAP && !KINFO->hidden && i < TRIES; i++)
        e = inspect_open();
    if (e)
        return e;
    for (uint32_t env = 1; env < ENV_MAX; env++)
        inspect_env(env, add_item, f);
    inspect_slices(add_item, f);
    inspect_close();
    if (f->left_out)
        f->count = 0;
    return f->left_out ? ERR_NO_MEM : ERR_OK;
}

struct forest_counts forest_count(const struct forest *f, uint32_t env)
{
    struct forest_counts counts = {0};

    for (uint32_t i = 0; i < f->count; i++) {
        const struct forest_node *n = &f->nodes[i];
        if (n->env != env)
            continue;
        counts.pages += n->what == forest_pages;
        counts.capabilities += n->is_cap;
        counts.held += !n->is_cap && n->what != forest_pages;
    }
    return counts;
}
