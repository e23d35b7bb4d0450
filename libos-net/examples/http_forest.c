/* Boxes of the derivation forest: which nodes are alike, where they stand, and their picture. */
#include "libos-net/examples/http_forest.h"

#include <string.h>

#define BOX_WIDTH    196u /* pixels */
#define BOX_HEIGHT   20u
#define COLUMN_WIDTH 222u
#define ROW_HEIGHT   25u
#define MARGIN       2u
#define WAITING      (FOREST_NO_BOX + 1) /* its parent has not been looked at */

const char forest_pages[] = "pages";

/* By name; of one name those with a parent first. */
static bool is_before(const struct forest_node *a, const struct forest_node *b)
{
    return a->name != b->name ? a->name < b->name : a->parent > b->parent;
}

/* Shell's sort: most nodes come in order. */
static void sort(struct forest_node *nodes, uint32_t count)
{
    uint32_t gap = 1;

    while (gap < count / 3)
        gap = 3 * gap + 1;
    for (; gap; gap /= 3)
        for (uint32_t i = gap; i < count; i++) {
            const struct forest_node node = nodes[i];
            uint32_t at = i;
            for (; at >= gap && is_before(&node, &nodes[at - gap]); at -= gap)
                nodes[at] = nodes[at - gap];
            nodes[at] = node;
        }
}

static void drop_doubles(struct forest *f)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < f->count; i++)
        if (!kept || f->nodes[i].name != f->nodes[kept - 1].name)
            f->nodes[kept++] = f->nodes[i];
    f->count = kept;
}

static const struct forest_node *find(const struct forest *f, node_t name)
{
    uint32_t low = 0, high = f->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->nodes[middle].name < name)
            low = middle + 1;
        else
            high = middle;
    }
    return low < f->count && f->nodes[low].name == name ? &f->nodes[low] : NULL;
}

/* The box of what is like that; FOREST_NO_BOX: there is no room for one more. */
static uint32_t box_for(struct forest *f, const struct forest_node *node, uint32_t parent)
{
    uint32_t i = 0;

    for (; i < f->box_count; i++) {
        const struct forest_box *b = &f->boxes[i];
        if (b->env == node->env && b->parent == parent && !strcmp(b->what, node->what))
            return i;
    }
    if (i == FOREST_BOXES)
        return FOREST_NO_BOX;
    f->boxes[f->box_count++] =
        (struct forest_box){.what = node->what, .env = node->env, .parent = parent};
    return i;
}

/* Finds a node's box when that of its parent is known. */
static bool settle(struct forest *f, struct forest_node *node)
{
    const struct forest_node *parent = node->parent ? find(f, node->parent) : NULL;

    if (parent && parent->box == WAITING)
        return false;
    if (parent && parent->box == FOREST_NO_BOX)
        node->box = FOREST_NO_BOX;
    else
        node->box = box_for(f, node, parent ? parent->box : FOREST_NO_BOX);
    if (node->box == FOREST_NO_BOX)
        f->left_out++;
    else
        f->boxes[node->box].nodes++;
    return true;
}

/* Gives what is below a box, or the roots, its places: the first child stands in its parent's row.
 * As deep as there are generations. */
static void place(struct forest *f, uint32_t parent, uint32_t column)
{
    bool same_row = parent != FOREST_NO_BOX;

    for (uint32_t i = 0; i < f->box_count; i++) {
        struct forest_box *b = &f->boxes[i];
        if (b->parent != parent)
            continue;
        f->rows += !same_row;
        same_row = false;
        b->row = f->rows - 1;
        b->column = column;
        if (f->columns <= column)
            f->columns = column + 1;
        place(f, i, column + 1);
    }
}

void forest_arrange(struct forest *f)
{
    bool more = true;

    sort(f->nodes, f->count);
    drop_doubles(f);
    f->box_count = f->columns = f->rows = f->left_out = 0;
    for (uint32_t i = 0; i < f->count; i++)
        f->nodes[i].box = WAITING;
    /* A generation is settled each time, or several. What was read while it changed may stand below
     * itself, and stays as it is. */
    while (more) {
        more = false;
        for (uint32_t i = 0; i < f->count; i++)
            if (f->nodes[i].box == WAITING)
                more |= settle(f, &f->nodes[i]);
    }
    for (uint32_t i = 0; i < f->count; i++)
        if (f->nodes[i].box == WAITING) {
            f->nodes[i].box = FOREST_NO_BOX;
            f->left_out++;
        }
    place(f, FOREST_NO_BOX, 0);
}

void forest_put_colour(struct http_text *t, uint32_t env)
{
    http_put(t, "c");
    http_put_number(t, env ? (env - 1) % FOREST_COLOURS + 1 : 0);
}

static uint32_t left_of(const struct forest_box *b)
{
    return MARGIN + b->column * COLUMN_WIDTH;
}

static uint32_t top_of(const struct forest_box *b)
{
    return MARGIN + b->row * ROW_HEIGHT;
}

static void attribute(struct http_text *t, const char *name, uint32_t value)
{
    http_put(t, name);
    http_put(t, "=\"");
    http_put_number(t, value);
    http_put(t, "\"");
}

/* From the middle of the parent's right side to the middle of the child's left one. */
static void draw_line(const struct forest *f, struct http_text *t, const struct forest_box *b)
{
    const struct forest_box *parent = &f->boxes[b->parent];

    http_put(t, "<path d=\"M");
    http_put_number(t, left_of(parent) + BOX_WIDTH);
    http_put(t, " ");
    http_put_number(t, top_of(parent) + BOX_HEIGHT / 2);
    http_put(t, "H");
    http_put_number(t, left_of(b) - (COLUMN_WIDTH - BOX_WIDTH) / 2);
    http_put(t, "V");
    http_put_number(t, top_of(b) + BOX_HEIGHT / 2);
    http_put(t, "H");
    http_put_number(t, left_of(b));
    http_put(t, "\"/>\n");
}

static void draw_box(struct http_text *t, const struct forest_box *b)
{
    http_put(t, "<rect class=\"");
    forest_put_colour(t, b->env);
    attribute(t, "\" x", left_of(b));
    attribute(t, " y", top_of(b));
    attribute(t, " width", BOX_WIDTH);
    attribute(t, " height", BOX_HEIGHT);
    attribute(t, " rx", 3);
    attribute(t, "/><text x", left_of(b) + 6);
    attribute(t, " y", top_of(b) + 14);
    http_put(t, "><tspan class=\"b\">");
    http_put_number(t, b->env);
    http_put(t, "</tspan> ");
    http_put_html(t, b->what, strlen(b->what));
    http_put(t, "</text>");
    if (b->nodes > 1) {
        attribute(t, "<text class=\"n\" x", left_of(b) + BOX_WIDTH - 6);
        attribute(t, " y", top_of(b) + 14);
        http_put(t, ">&#215;");
        http_put_number(t, b->nodes);
        http_put(t, "</text>");
    }
    http_put(t, "\n");
}

void forest_draw(const struct forest *f, struct http_text *t)
{
    uint32_t width = f->columns * COLUMN_WIDTH + 2 * MARGIN, height = f->rows * ROW_HEIGHT + MARGIN;

    attribute(t, "<svg id=\"forest\" role=\"img\" aria-label=\"derivation forest\" width", width);
    attribute(t, " height", height);
    http_put(t, ">\n");
    for (uint32_t i = 0; i < f->box_count; i++)
        if (f->boxes[i].parent != FOREST_NO_BOX)
            draw_line(f, t, &f->boxes[i]);
    for (uint32_t i = 0; i < f->box_count; i++)
        draw_box(t, &f->boxes[i]);
    http_put(t, "</svg>\n");
}
