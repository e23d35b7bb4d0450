/* The derivation forest: a table for each environment, in which a row stands under what it was
 * derived from, and an arrow from table to table where that is another's. */
#include "libos/examples/graph.h"

#include "libos/book.h"
#include "libos/print.h"

#define TEXT_BYTES   96u
#define INDENT       4u /* spaces a generation */
#define PLACES_SHOWN 3u /* pages in more places than this, below one capability, are summed up */

static const char *rights_text(uint32_t rights)
{
    static char text[5];

    text[0] = rights & RIGHT_READ ? 'r' : '-';
    text[1] = rights & RIGHT_WRITE ? 'w' : '-';
    text[2] = rights & RIGHT_EXEC ? 'x' : '-';
    text[3] = rights & RIGHT_GRANT ? 'g' : '-';
    return text;
}

static void range_text(char *to, const char *what, uint32_t first, uint32_t count)
{
    if (count == 0)
        print_format(to, TEXT_BYTES, "no %s", what);
    else if (count == 1)
        print_format(to, TEXT_BYTES, "%s %x", what, first);
    else
        print_format(to, TEXT_BYTES, "%s %x to %x (%u)", what, first, first + count - 1, count);
}

/* What a capability names. */
static void cap_text(char *to, const struct cap *c)
{
    switch (c->kind) {
    case CAP_REGION:
    case CAP_FRAMES:
    case CAP_THREAD:
    case CAP_NOTIFICATION:
    case CAP_RING:
    case CAP_DISK_RING:
    case CAP_GRAFT:
    case CAP_GRAFT_MAP:
    case CAP_FILTERS:
    case CAP_TREE:
    case CAP_FLOWS:
        range_text(to, c->count == 1 ? "frame" : "frames", c->base, c->count);
        break;
    case CAP_ENDPOINT:
    case CAP_SIGNAL:
        print_format(to, TEXT_BYTES, "frame %x, badge %lx", c->base,
                     c->flags & CAP_BADGED ? c->badge : 0);
        break;
    case CAP_ENV:
        print_format(to, TEXT_BYTES, "%s", graph_env_name(book_frame(c->base)->owner));
        break;
    case CAP_EXTENT:
        range_text(to, "blocks", c->base, c->count);
        break;
    case CAP_CPU:
        print_format(to, TEXT_BYTES, "%u from number %u on", c->count, c->base);
        break;
    default:
        to[0] = '\0';
    }
}

/* What a binding is that lies in a frame that only the kernel reads. */
static void held_text(char *what, char *which, const struct graph_row *row)
{
    pfn_t frame = inspect_node_frame(row->name);

    print_format(what, TEXT_BYTES, "%s", inspect_held_name(row->name));
    if (book_frame(frame)->type == FRAME_THREAD)
        print_format(which, TEXT_BYTES, "by the thread in frame %x", frame);
    else
        which[0] = '\0';
}

static void row_text(const struct graph_row *row, char *what, char *which)
{
    const struct inspect_item *item = &row->item;

    switch (row->kind) {
    case ROW_CAP:
        print_format(what, TEXT_BYTES, "%u  <B>%s</B>%s", item->slot,
                     inspect_kind_name(item->cap.kind), item->cap.flags & CAP_ORIGIN ? " *" : "");
        cap_text(which, &item->cap);
        break;
    case ROW_PAGES:
        print_format(what, TEXT_BYTES, "%u %spage%s at %lx", row->nodes,
                     item->frames > 1 ? "large " : "", row->nodes == 1 ? "" : "s", item->va);
        print_format(which, TEXT_BYTES, "frame %x%s", item->pfn, row->nodes == 1 ? "" : " ...");
        break;
    case ROW_TABLES:
        print_format(what, TEXT_BYTES, "%u page table%s", row->nodes, row->nodes == 1 ? "" : "s");
        print_format(which, TEXT_BYTES, "from frame %x on", item->pfn);
        break;
    case ROW_SHARE:
        print_format(what, TEXT_BYTES, "shared table at %lx", item->va);
        print_format(which, TEXT_BYTES, "frame %x", item->pfn);
        break;
    case ROW_SLICE:
        print_format(what, TEXT_BYTES, "slice %u of CPU %u", item->slot, item->level);
        print_format(which, TEXT_BYTES, "for thread %u",
                     book_cpu(item->level)->slices[item->slot].thread);
        break;
    case ROW_HELD:
        held_text(what, which, row);
        break;
    }
}

/* The first cell, up to its text. */
static void begin_row(uint32_t i, uint32_t depth)
{
    graph_print("<TR><TD ALIGN=\"LEFT\" PORT=\"i%u\">&#160;", i);
    for (uint32_t n = 0; n < depth * INDENT; n++)
        graph_print("&#160;");
    graph_print("%s", depth ? "&#8627; " : "");
}

static void draw_row(uint32_t i, uint32_t depth)
{
    const struct graph_row *row = &graph_rows[i];
    char what[TEXT_BYTES], which[TEXT_BYTES];
    uint32_t rights = row->kind == ROW_CAP ? row->item.cap.rights : row->item.rights;
    bool shows = row->kind == ROW_CAP || row->kind == ROW_PAGES;

    row_text(row, what, which);
    begin_row(i, depth);
    graph_print("%s</TD><TD>%s</TD>", what, shows ? rights_text(rights) : "");
    graph_print("<TD ALIGN=\"LEFT\" PORT=\"o%u\">&#160; %s&#160;</TD></TR>\n", i, which);
}

static bool is_leaf(uint32_t i)
{
    for (uint32_t child = 0; child < graph_row_count; child++)
        if (graph_rows[child].parent_row == i)
            return false;
    return true;
}

/* Is the row one of the pages below `parent` with these rights that nothing was derived from? */
static bool is_scattered(uint32_t i, uint32_t parent, uint32_t env, rights_t rights)
{
    const struct graph_row *row = &graph_rows[i];

    return row->kind == ROW_PAGES && row->env == env && row->parent_row == parent &&
           row->item.rights == rights && !row->drawn && is_leaf(i);
}

/* Where many such rows stand below one, a single line tells of them all. */
static void draw_scattered(uint32_t parent, uint32_t env, rights_t rights, uint32_t depth)
{
    uint32_t places = 0, pages = 0, first = NO_ROW, last = NO_ROW;

    for (uint32_t i = 0; i < graph_row_count; i++) {
        if (!is_scattered(i, parent, env, rights))
            continue;
        first = places ? first : i;
        last = i;
        places++;
        pages += graph_rows[i].nodes;
    }
    if (places <= PLACES_SHOWN)
        return;
    begin_row(first, depth);
    graph_print("%u pages in %u places</TD><TD>%s</TD>", pages, places, rights_text(rights));
    graph_print("<TD ALIGN=\"LEFT\">&#160; at %lx to %lx&#160;</TD></TR>\n",
                graph_rows[first].item.va, graph_rows[last].item.va);
    for (uint32_t i = 0; i < graph_row_count; i++)
        if (is_scattered(i, parent, env, rights))
            graph_rows[i].drawn = true;
}

/* Children of a row that are drawn in the same table, each with its own below it. Derivations are
 * few generations deep. */
static void draw_below(uint32_t parent, uint32_t env, uint32_t depth)
{
    for (rights_t more = 0; more <= (RIGHT_WRITE | RIGHT_EXEC); more += RIGHT_WRITE)
        draw_scattered(parent, env, RIGHT_READ | more, depth);
    for (uint32_t i = 0; i < graph_row_count; i++) {
        struct graph_row *row = &graph_rows[i];
        if (row->env != env || row->drawn || row->parent_row != parent)
            continue;
        row->drawn = true;
        draw_row(i, depth);
        draw_below(i, env, depth + 1);
    }
}

static bool is_local_root(const struct graph_row *row)
{
    return row->parent_row == NO_ROW || graph_rows[row->parent_row].env != row->env;
}

static void draw_env(uint32_t env)
{
    const volatile struct env_info *info = book_env(env);

    graph_print("subgraph cluster_%u { style=invis;\n", env);
    graph_print("env%u [color=\"%s\" label=<<TABLE BORDER=\"2\" CELLBORDER=\"0\" CELLSPACING=\"0\" "
                "CELLPADDING=\"1\" BGCOLOR=\"white\">\n",
                env, graph_dark(env));
    graph_print("<TR><TD COLSPAN=\"3\" BGCOLOR=\"%s\" CELLPADDING=\"5\"><FONT POINT-SIZE=\"15\">"
                "<B>%s</B></FONT>  environment %u, %u frames, %u thread%s%s</TD></TR>\n",
                graph_light(env), graph_env_name(env), env, info->frames, info->threads,
                info->threads == 1 ? "" : "s", info->state == ENV_ALIVE ? "" : ", ended");
    for (uint32_t i = 0; i < graph_row_count; i++) {
        struct graph_row *row = &graph_rows[i];
        if (row->env != env || row->drawn || !is_local_root(row))
            continue;
        row->drawn = true;
        draw_row(i, 0);
        draw_below(i, env, 1);
    }
    graph_print("</TABLE>>]; }\n");
}

static void draw_arrows(void)
{
    for (uint32_t i = 0; i < graph_row_count; i++) {
        const struct graph_row *row = &graph_rows[i];
        if (row->parent_row == NO_ROW || !is_local_root(row))
            continue;
        uint32_t from = graph_rows[row->parent_row].env;
        graph_print("env%u:o%u:e -> env%u:i%u:w [color=\"%s\"];\n", from, row->parent_row, row->env,
                    i, graph_dark(from));
    }
}

static void draw_legend(void)
{
    graph_print(
        "legend [label=<<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\">\n"
        "<TR><TD ALIGN=\"LEFT\"><B>The derivation forest</B></TD></TR>\n"
        "<TR><TD ALIGN=\"LEFT\">A table is an environment. A row is a capability (its slot "
        "first) or a binding.</TD></TR>\n"
        "<TR><TD ALIGN=\"LEFT\">It was derived from the row above it that is indented less, "
        "or from the row where the arrow begins.</TD></TR>\n"
        "<TR><TD ALIGN=\"LEFT\">Deleting a row takes all that was derived from it. "
        "* made the object: it goes, too.</TD></TR>\n"
        "<TR><TD ALIGN=\"LEFT\">Rights: read, write, execute, grant. Addresses and frames "
        "are hexadecimal.</TD></TR></TABLE>>];\n");
}

void graph_draw_forest(void)
{
    graph_print("digraph forest {\nrankdir=LR; nodesep=0.25; ranksep=1.1; bgcolor=white;\n"
                "node [shape=plaintext fontname=\"Helvetica\" fontsize=11];\n"
                "edge [penwidth=0.9 arrowsize=0.6];\n");
    for (uint32_t env = 1; env < ENV_MAX; env++)
        if (book_env(env)->frame)
            draw_env(env);
    draw_arrows();
    draw_legend();
    graph_print("}\n");
}
