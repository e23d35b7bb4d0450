/* Who owns which frames: the frame table from the lowest address on, neighbours of one owner as one
 * run, and a sum for each owner. */
#include "libos/examples/graph.h"

#include "libos/book.h"
#include "libos/print.h"

#define TYPES       (FRAME_UTCB + 1u)
#define TEXT_BYTES  200u
#define HEIGHT_UNIT 3u /* points that a run is higher for each doubling of its length */

/* Whose a run is. Free frames are nobody's, but in somebody's region. */
enum holder_kind {
    HELD_BY_ENV,
    HELD_BY_KERNEL,
    HELD_BY_ARCHIVE,
    HELD_BY_NOBODY, /* free; `env`: who may give them a type, 0: nobody */
    HELD_ABSENT
};

struct holder {
    enum holder_kind kind;
    uint32_t env;
};

struct run {
    struct holder holder;
    pfn_t first;
    uint32_t count;
    uint32_t types[TYPES];
};

/* The environment with the smallest region that contains the frame: the others gave it on. */
static uint32_t region_holder(pfn_t pfn)
{
    uint32_t smallest = UINT32_MAX, env = 0;

    for (uint32_t i = 0; i < graph_row_count; i++) {
        const struct cap *c = &graph_rows[i].item.cap;
        if (graph_rows[i].kind != ROW_CAP || c->kind != CAP_REGION || pfn - c->base >= c->count ||
            c->count > smallest)
            continue;
        smallest = c->count;
        env = graph_rows[i].env;
    }
    return env;
}

static bool in_archive(pfn_t pfn)
{
    uint64_t address = (uint64_t)pfn << PAGE_BITS, base = KINFO->archive_base & ~(PAGE_SIZE - 1);

    return address >= base && address < KINFO->archive_base + KINFO->archive_bytes;
}

static struct holder holder_of(pfn_t pfn)
{
    const volatile struct frame_info *f = book_frame(pfn);

    if (f->owner)
        return (struct holder){HELD_BY_ENV, f->owner};
    if (f->type == FRAME_FREE)
        return (struct holder){HELD_BY_NOBODY, region_holder(pfn)};
    if (f->type == FRAME_ABSENT)
        return (struct holder){HELD_ABSENT, 0};
    return (struct holder){in_archive(pfn) ? HELD_BY_ARCHIVE : HELD_BY_KERNEL, 0};
}

/* The run that begins at `first`. */
static struct run run_at(pfn_t first)
{
    struct run run = {.holder = holder_of(first), .first = first};

    for (pfn_t pfn = first; pfn < KINFO->frame_count; pfn++, run.count++) {
        struct holder h = holder_of(pfn);
        if (h.kind != run.holder.kind || h.env != run.holder.env)
            break;
        uint8_t type = book_frame(pfn)->type;
        run.types[type < TYPES ? type : FRAME_STALE]++;
    }
    return run;
}

static void holder_text(char *to, struct holder h)
{
    static const char *const names[] = {[HELD_BY_KERNEL] = "kernel",
                                        [HELD_BY_ARCHIVE] = "boot archive",
                                        [HELD_ABSENT] = "no memory"};

    if (h.kind == HELD_BY_ENV)
        print_format(to, TEXT_BYTES, "<B>%s</B>", graph_env_name(h.env));
    else if (h.kind == HELD_BY_NOBODY && h.env)
        print_format(to, TEXT_BYTES, "free, in a region of <B>%s</B>", graph_env_name(h.env));
    else
        print_format(to, TEXT_BYTES, "%s", h.kind == HELD_BY_NOBODY ? "free" : names[h.kind]);
}

static void size_text(char *to, uint64_t frames)
{
    uint64_t kib = frames * (PAGE_SIZE >> 10);

    if (kib < 10240)
        print_format(to, TEXT_BYTES, "%lu KiB", kib);
    else
        print_format(to, TEXT_BYTES, "%lu MiB", kib >> 10);
}

/* "memory 96, page tables 3", for frames that have an owner. */
static void types_text(char *to, const uint32_t types[TYPES])
{
    size_t used = 0;

    to[0] = '\0';
    for (uint32_t type = FRAME_MEMORY; type < TYPES && used < TEXT_BYTES; type++)
        if (types[type] && type != FRAME_CPU)
            used += print_format(to + used, TEXT_BYTES - used, "%s%s %u", used ? ", " : "",
                                 graph_type_name(type), types[type]);
}

static unsigned doublings(uint32_t count)
{
    return 31 - (unsigned)__builtin_clz(count);
}

static void draw_run(const struct run *run)
{
    char who[TEXT_BYTES], size[TEXT_BYTES], types[TEXT_BYTES];
    struct holder h = run->holder;
    bool env = h.kind == HELD_BY_ENV;
    bool kernel = h.kind == HELD_BY_KERNEL || h.kind == HELD_BY_ARCHIVE;

    holder_text(who, h);
    size_text(size, run->count);
    types_text(types, run->types);
    graph_print("<TR><TD ALIGN=\"RIGHT\">%x to %x&#160;</TD>", run->first,
                run->first + run->count - 1);
    graph_print("<TD ALIGN=\"RIGHT\">&#160;%s&#160;</TD>", size);
    graph_print("<TD BORDER=\"1\" COLOR=\"%s\" BGCOLOR=\"%s\" WIDTH=\"190\" HEIGHT=\"%u\">%s</TD>",
                graph_dark(h.env),
                env      ? graph_light(h.env)
                : kernel ? "#e4e4e4"
                         : "white",
                14 + HEIGHT_UNIT * doublings(run->count), who);
    graph_print("<TD ALIGN=\"LEFT\">&#160;%s</TD></TR>\n", types);
}

static void draw_map(void)
{
    graph_print(
        "map [label=<<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\">\n"
        "<TR><TD>frames</TD><TD>size</TD><TD><B>physical memory, from its beginning</B></TD>"
        "<TD ALIGN=\"LEFT\">&#160;frames by type</TD></TR>\n");
    for (pfn_t pfn = 0; pfn < KINFO->frame_count;) {
        struct run run = run_at(pfn);
        draw_run(&run);
        pfn += run.count;
    }
    graph_print("</TABLE>>];\n");
}

static void draw_sum(uint32_t env)
{
    char size[TEXT_BYTES], types[TEXT_BYTES];
    uint32_t counts[TYPES] = {0};

    for (pfn_t pfn = 0; pfn < KINFO->frame_count; pfn++)
        if (book_frame(pfn)->owner == env && book_frame(pfn)->type < TYPES)
            counts[book_frame(pfn)->type]++;
    size_text(size, book_env(env)->frames);
    types_text(types, counts);
    graph_print(
        "<TR><TD BORDER=\"1\" COLOR=\"%s\" BGCOLOR=\"%s\" WIDTH=\"80\"><B>%s</B></TD>"
        "<TD ALIGN=\"RIGHT\">&#160;%u frames, %s&#160;</TD><TD ALIGN=\"LEFT\">%s</TD></TR>\n",
        graph_dark(env), graph_light(env), graph_env_name(env), book_env(env)->frames, size, types);
}

static void draw_sums(void)
{
    graph_print("sums [label=<<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"2\">\n"
                "<TR><TD COLSPAN=\"3\" ALIGN=\"LEFT\"><B>Who owns which frames</B></TD></TR>\n");
    for (uint32_t env = 1; env < ENV_MAX; env++)
        if (book_env(env)->frame)
            draw_sum(env);
    graph_print("<TR><TD COLSPAN=\"3\" ALIGN=\"LEFT\">A frame is 4 KiB; its number is hexadecimal. "
                "Filled: owned by that environment.</TD></TR>\n"
                "<TR><TD COLSPAN=\"3\" ALIGN=\"LEFT\">White: free; named is who may give it a type "
                "next. Heights grow with the logarithm of the length.</TD></TR>\n"
                "</TABLE>>];\n");
}

void graph_draw_frames(void)
{
    graph_print("digraph frames {\nranksep=0.1; bgcolor=white;\n"
                "node [shape=plaintext fontname=\"Helvetica\" fontsize=11];\n");
    draw_sums();
    draw_map();
    graph_print("sums -> map [style=invis];\n}\n");
}
