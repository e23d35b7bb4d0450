/* From nodes to rows: bindings of neighbouring pages become one, and each row finds its parent. */
#include "libos/examples/graph.h"

#include "libos/book.h"

#define NODES_FRAME (PAGE_SIZE / sizeof(struct node))
#define TABLE_NODES 512u

struct graph_row graph_rows[GRAPH_ROWS];
uint32_t graph_row_count;
static bool overflow;

static struct graph_row *add(enum graph_kind kind, uint32_t env, node_t name, node_t parent)
{
    if (graph_row_count == GRAPH_ROWS) {
        overflow = true;
        return &graph_rows[GRAPH_ROWS - 1];
    }
    struct graph_row *row = &graph_rows[graph_row_count++];
    *row = (struct graph_row){
        .kind = kind, .env = env, .name = name, .nodes = 1, .parent = parent, .parent_row = NO_ROW};
    return row;
}

static bool holds(const struct graph_row *row, node_t name)
{
    return row->kind != ROW_TABLES && name - row->name < row->nodes;
}

static uint32_t find(node_t name)
{
    for (uint32_t i = 0; name && i < graph_row_count; i++)
        if (holds(&graph_rows[i], name))
            return i;
    return NO_ROW;
}

/* Do two pages, neighbours in one table, come from the same place: one capability, or pages that
 * are neighbours themselves? */
static bool same_origin(const struct graph_row *row, const struct inspect_item *item)
{
    bool page = inspect_node(item->node.parent) &&
                book_frame(inspect_node_frame(item->node.parent))->type == FRAME_NODES;

    return item->node.parent == row->parent + (page ? row->nodes : 0);
}

static bool joins(const struct graph_row *row, const struct inspect_item *item)
{
    return row->kind == ROW_PAGES && row->env == item->env &&
           row->name + row->nodes == item->name && item->name % TABLE_NODES != 0 &&
           row->item.rights == item->rights && row->item.frames == item->frames &&
           same_origin(row, item);
}

static struct graph_row *tables_of(uint32_t env, node_t parent)
{
    for (uint32_t i = 0; i < graph_row_count; i++) {
        struct graph_row *row = &graph_rows[i];
        if (row->kind == ROW_TABLES && row->env == env && row->parent == parent)
            return row;
    }
    return NULL;
}

static void add_item(void *context, const struct inspect_item *item)
{
    static const enum graph_kind kinds[] = {[INSPECT_CAP] = ROW_CAP,
                                            [INSPECT_TABLE] = ROW_TABLES,
                                            [INSPECT_SHARE] = ROW_SHARE,
                                            [INSPECT_PAGE] = ROW_PAGES,
                                            [INSPECT_SLICE] = ROW_SLICE};
    struct graph_row *last = graph_row_count ? &graph_rows[graph_row_count - 1] : NULL;

    (void)context;
    if (item->kind == INSPECT_TABLE) {
        last = tables_of(item->env, item->node.parent);
        if (last) {
            last->nodes++;
            return;
        }
    } else if (item->kind == INSPECT_PAGE && last && joins(last, item)) {
        last->nodes++;
        return;
    }
    struct graph_row *row = add(kinds[item->kind], item->env, item->name, item->node.parent);
    row->item = *item;
}

/* Notes a node that is named by another but cannot be read. Its env is that of its frame. */
static void add_held(node_t name, node_t parent)
{
    if (!name || inspect_node(name))
        return;
    uint32_t known = find(name);
    if (known == NO_ROW) {
        add(ROW_HELD, book_frame(inspect_node_frame(name))->owner, name, parent);
        return;
    }
    if (!graph_rows[known].parent)
        graph_rows[known].parent = parent;
}

/* What cannot be read is known by its neighbours in the forest. */
static void add_held_beside(void *context, const struct inspect_item *item)
{
    (void)context;
    add_held(item->node.child, item->name);
    add_held(item->node.next, item->node.parent);
    add_held(item->node.prev, item->node.parent);
    add_held(item->node.parent, 0);
}

enum err graph_collect(void)
{
    for (uint32_t env = 1; env < ENV_MAX; env++)
        inspect_env(env, add_item, NULL);
    inspect_slices(add_item, NULL);
    for (uint32_t env = 1; env < ENV_MAX; env++)
        inspect_env(env, add_held_beside, NULL);
    inspect_slices(add_held_beside, NULL);
    for (uint32_t i = 0; i < graph_row_count; i++)
        graph_rows[i].parent_row = find(graph_rows[i].parent);
    return overflow ? ERR_NO_MEM : ERR_OK;
}
