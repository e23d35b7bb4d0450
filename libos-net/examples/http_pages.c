/* Pages made from the kernel's book-keeping and from the boot image. */
#include "libos-net/examples/http_pages.h"

#include "libos-net/examples/http_files.h"
#include "libos-net/examples/http_forest.h"
#include "libos-net/examples/http_server.h"
#include "libos-net/net.h"
#include "libos/book.h"

#include <string.h>

#define PART         64u /* records read at once */
#define SLICE_PIXELS 14u

/* Colours are those of forest_put_colour, for areas of the pictures and for cells. */
static const char style[] =
    "body{font:15px/1.45 sans-serif;max-width:80em;margin:1.5em auto;padding:0 1em;color:#222}"
    "h1{margin:0}h2{margin:1.6em 0 .4em;font-size:1.2em}p{max-width:48em}"
    ".w{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "td,th{text-align:right;padding:.15em .7em;white-space:nowrap}th{border-bottom:1px solid #999}"
    "td:first-child,th:first-child{text-align:left}tr:nth-child(even) td{background:#f5f5f5}"
    "tr td.c1,.c1{background:#d6e6f7;fill:#d6e6f7;stroke:#2a5d95}"
    "tr td.c2,.c2{background:#d9f0d6;fill:#d9f0d6;stroke:#2f7d32}"
    "tr td.c3,.c3{background:#fdebc8;fill:#fdebc8;stroke:#b26a00}"
    "tr td.c4,.c4{background:#f6d9e4;fill:#f6d9e4;stroke:#ad3265}"
    "tr td.c5,.c5{background:#e5dcf4;fill:#e5dcf4;stroke:#6a3fae}"
    "tr td.c6,.c6{background:#d3f1ee;fill:#d3f1ee;stroke:#00796b}.c0{fill:#fff;stroke:#bbb}"
    "rect.now{stroke:#000;stroke-width:2}svg{display:block}svg path{fill:none;stroke:#999}"
    "svg text{font-size:12px;fill:#222}.b{font-weight:bold}.n{text-anchor:end}.q{color:#666}";

/* The part that changes is asked for again and put in place. Without scripts the page is loaded
 * anew. */
static const char refresh[] =
    "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript><script>\n"
    "async function refresh(){if(!document.hidden)try{\n"
    "const answer=await fetch(location,{cache:'no-store',signal:AbortSignal.timeout(10000)});\n"
    "const page=new DOMParser().parseFromString(await answer.text(),'text/html');\n"
    "const was=[...document.querySelectorAll('.w')].map(e=>e.scrollLeft);\n"
    "document.getElementById('live').replaceWith(page.getElementById('live'));\n"
    "document.querySelectorAll('.w').forEach((e,i)=>e.scrollLeft=was[i]||0);\n"
    "document.getElementById('state').textContent='refreshed every 2 seconds';\n"
    "}catch{document.getElementById('state').textContent='no answer; these are the last figures'}\n"
    "setTimeout(refresh,2000)}\nsetTimeout(refresh,2000)</script>\n";

static void begin(struct http_text *t, const char *title, const char *path, bool is_live)
{
    http_put(t, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width\">"
                "<link rel=\"icon\" href=\"data:,\"><title>");
    http_put(t, title);
    http_put_html(t, path, strlen(path));
    http_put(t, "</title><style>");
    http_put(t, style);
    http_put(t, "</style>\n");
    if (is_live)
        http_put(t, refresh);
    http_put(t, "</head><body>\n<h1>");
    http_put(t, title);
    http_put_html(t, path, strlen(path));
    http_put(t, "</h1>\n");
}

static void end(struct http_text *t)
{
    http_put(t, "</body></html>\n");
}

static void cell(struct http_text *t, uint64_t value)
{
    http_put(t, "<td>");
    http_put_number(t, value);
    http_put(t, "</td>");
}

static void hex_cell(struct http_text *t, uint64_t value)
{
    http_put(t, "<td>");
    http_put_hex(t, value);
    http_put(t, "</td>");
}

static void row(struct http_text *t, const char *name, uint64_t value)
{
    http_put(t, "<tr><td>");
    http_put(t, name);
    http_put(t, "</td>");
    cell(t, value);
    http_put(t, "</tr>\n");
}

static void put_list(struct http_text *t, const struct archive *a, const char *real)
{
    struct archive_cursor at = {0};
    struct files_item item = {0};

    http_put(t, "<table><tr><th>name</th><th>bytes</th></tr>\n");
    if (real[0])
        http_put(t, "<tr><td><a href=\"../\">../</a></td><td></td></tr>\n");
    while (files_list(a, real, &at, &item)) {
        char name[HTTP_PATH_MAX];
        if (item.length >= sizeof name)
            continue; /* longer than any path that can be asked for */
        memcpy(name, item.name, item.length);
        name[item.length] = '\0';
        http_put(t, "<tr><td><a href=\"./");
        http_put_url(t, name);
        http_put(t, item.directory ? "/\">" : "\">");
        http_put_html(t, name, item.length);
        http_put(t, item.directory ? "/</a></td><td></td>" : "</a></td>");
        if (!item.directory)
            cell(t, item.bytes);
        http_put(t, "</tr>\n");
    }
    http_put(t, "</table>\n");
}

/* Opens a table that may be wider than the window. `columns`: cells of its head. */
static void begin_table(struct http_text *t, const char *title, const char *id, const char *columns)
{
    http_put(t, "<h2>");
    http_put(t, title);
    http_put(t, "</h2>\n<div class=\"w\"><table id=\"");
    http_put(t, id);
    http_put(t, "\"><tr>");
    http_put(t, columns);
    http_put(t, "</tr>\n");
}

static void end_table(struct http_text *t)
{
    http_put(t, "</table></div>\n");
}

/* A row's first cell, in the environment's colour. */
static void env_cell(struct http_text *t, uint32_t env)
{
    const struct env_info e = book_env_read(env);

    http_put(t, "<tr><td class=\"");
    forest_put_colour(t, env);
    http_put(t, "\">");
    http_put_number(t, env);
    http_put(t, " ");
    http_put_html(t, e.name[0] ? e.name : "(no name)", sizeof e.name);
    http_put(t, e.state == ENV_DYING ? " (ending)</td>" : "</td>");
}

static void put_envs(struct http_text *t, const struct forest *f, enum err forest)
{
    begin_table(t, "Environments", "environments",
                "<th>environment</th><th>made by</th><th>threads</th><th>frames</th>"
                "<th>capabilities</th><th>pages bound</th><th>other bindings</th>");
    for (uint32_t i = 1; i < ENV_MAX; i++) {
        const struct env_info e = book_env_read(i);
        const struct forest_counts counts = forest_count(f, i);
        if (e.state == ENV_NONE)
            continue;
        env_cell(t, i);
        cell(t, e.parent);
        cell(t, e.threads);
        cell(t, e.frames);
        if (forest == ERR_OK) {
            cell(t, counts.capabilities);
            cell(t, counts.pages);
            cell(t, counts.held);
        } else {
            http_put(t, "<td>?</td><td>?</td><td>?</td>");
        }
        http_put(t, "</tr>\n");
    }
    end_table(t);
}

static void put_counters(struct http_text *t)
{
    begin_table(t, "Counters", "counters",
                "<th>environment</th><th>calls</th><th>L4 calls</th><th>IPC in</th>"
                "<th>foreign calls</th><th>page faults</th><th>exceptions</th><th>interrupts</th>"
                "<th>events</th><th>switches</th><th>slices</th>");
    for (uint32_t i = 1; i < ENV_MAX; i++) {
        if (book_env_read(i).state == ENV_NONE)
            continue;
        const struct env_counts c = book_env_counts(i);
        env_cell(t, i);
        cell(t, c.calls);
        cell(t, c.links);
        cell(t, c.transfers);
        cell(t, c.foreign);
        cell(t, c.fault_upcalls + c.faults);
        cell(t, c.exception_upcalls + c.exceptions);
        cell(t, c.interrupts);
        cell(t, c.events);
        cell(t, c.space_switches);
        cell(t, c.slices);
        http_put(t, "</tr>\n");
    }
    end_table(t);
}

static bool is_in_use(uint32_t number, struct object_info *o)
{
    book_read(INFO_OBJECTS, number, 1, o);
    return o->frame != 0;
}

static void put_rings(struct http_text *t)
{
    struct object_info o;
    bool any = false;

    begin_table(t, "Rings", "rings",
                "<th>environment</th><th>ring of</th><th>frame</th><th>filter's frame</th>"
                "<th>keys bound</th><th>in flight</th><th>received or done</th><th>sent</th>"
                "<th>dropped</th><th>handled</th>");
    for (uint32_t i = OBJECT_RINGS; i < OBJECT_GRAFTS; i++) {
        if (!is_in_use(i, &o))
            continue;
        bool packets = i < OBJECT_DISK_RINGS;
        any = true;
        env_cell(t, o.owner);
        http_put(t, packets ? "<td>packets" : "<td>the disk");
        http_put(t, o.state & OBJECT_DEAD ? ", dead</td>" : "</td>");
        hex_cell(t, o.frame);
        hex_cell(t, o.filter);
        cell(t, o.keys);
        cell(t, o.in_flight);
        cell(t, o.counts[packets ? COUNT_RECEIVED : COUNT_DONE]);
        cell(t, packets ? o.counts[COUNT_SENT] : 0);
        cell(t, packets ? o.counts[COUNT_DROPPED] : 0);
        cell(t, packets ? o.counts[COUNT_HANDLED] : 0);
        http_put(t, "</tr>\n");
    }
    end_table(t);
    if (!any)
        http_put(t, "<p class=\"q\">There is none.</p>\n");
}

static void put_grafts(struct http_text *t)
{
    static const char *const hooks[] = {
#define FIELD(context, field, kind)
#define HOOK(number, name, context, fuel, low, high, fields) [number] = #name,
#include "exo/abi/graft_hooks.def"
#undef HOOK
#undef FIELD
    };
    struct object_info o;
    bool any = false;

    begin_table(t, "Grafts", "grafts",
                "<th>environment</th><th>hook</th><th>frame</th><th>code</th><th>runs</th>"
                "<th>longest path</th>");
    for (uint32_t i = OBJECT_GRAFTS; i < OBJECT_MAX; i++) {
        if (!is_in_use(i, &o))
            continue;
        bool known = o.keys < sizeof hooks / sizeof hooks[0] && hooks[o.keys];
        any = true;
        env_cell(t, o.owner);
        http_put(t, "<td>");
        http_put(t, known ? hooks[o.keys] : "?");
        http_put(t, "</td>");
        hex_cell(t, o.frame);
        http_put(t, o.state & OBJECT_ABORTED  ? "<td>aborted</td>"
                    : o.state & OBJECT_MASKED ? "<td>native, masked</td>"
                    : o.state & OBJECT_NATIVE ? "<td>native</td>"
                                              : "<td>interpreted</td>");
        cell(t, o.counts[COUNT_RUNS]);
        cell(t, o.counts[COUNT_STEPS]);
        http_put(t, "</tr>\n");
    }
    end_table(t);
    if (!any)
        http_put(t, "<p class=\"q\">There is none.</p>\n");
}

/* The vector of a CPU: a rectangle for each slice, in the colour of who has it. */
static void draw_slices(struct http_text *t, const struct cpu_info *c)
{
    http_put(t, "<p class=\"q\">CPU ");
    http_put_number(t, c->number);
    http_put(t, "</p>\n<div class=\"w\"><svg class=\"slices\" role=\"img\" "
                "aria-label=\"slice vector\" width=\"900\" height=\"24\">\n");
    for (uint32_t i = 0; i < SLICE_COUNT; i++) {
        http_put(t, "<rect class=\"");
        forest_put_colour(t, c->slices[i].thread ? c->slices[i].env : 0);
        http_put(t, i == c->position ? " now\" x=\"" : "\" x=\"");
        http_put_number(t, 2 + i * SLICE_PIXELS);
        http_put(t, "\" y=\"2\" width=\"12\" height=\"20\"/>\n");
    }
    http_put(t, "</svg></div>\n");
}

static void put_slices(struct http_text *t)
{
    struct cpu_info c;

    http_put(t, "<h2>Slices</h2>\n<p>A CPU's time is a vector of 64 slices of 1 ms, which "
                "environments bind to their threads; here each has the colour of its environment. "
                "White ones are bound to nobody and run whoever is ready. The slice with a thick "
                "frame was being run when this was read.</p>\n");
    for (uint32_t i = 0; i < KINFO->cpu_count && i < CPU_MAX; i++) {
        book_read(INFO_CPUS, i, 1, &c);
        draw_slices(t, &c);
    }
}

static void put_forest(struct http_text *t, const struct forest *f, enum err e)
{
    http_put(t, "<h2>The derivation forest</h2>\n");
    if (e) {
        http_put(t, e == ERR_NOT_BOUND ? "<p>The kernel hides what is others' (hide=1).</p>\n"
                    : e == ERR_BAD_CAP ? "<p>This program may not inspect others.</p>\n"
                                       : "<p>It is too large for this page just now.</p>\n");
        return;
    }
    http_put(t, "<p>All rights come from what sigma0 got at boot, left. A box is a capability or a "
                "binding, or several of one kind (&#215;); it was derived from the box where its "
                "line begins, and goes when that is revoked. Number and colour are those of its "
                "environment. The pages below <em>inspect</em> are how this program reads "
                "the forest.</p>\n<div class=\"w\">");
    forest_draw(f, t);
    http_put(t, "</div>\n");
    if (f->left_out) {
        http_put(t, "<p>Left out: ");
        http_put_number(t, f->left_out);
        http_put(t, " nodes for which there is no room.</p>\n");
    }
}

static void put_cpus(struct http_text *t)
{
    begin_table(t, "Processors", "processors",
                "<th>CPU</th><th>kernel entries</th><th>address-space switches</th>"
                "<th>TLB flushes</th><th>slices run</th><th>slices bound</th>");
    for (uint32_t i = 0; i < KINFO->cpu_count && i < CPU_MAX; i++) {
        struct cpu_info info;
        const struct cpu_info *c = &info;
        uint32_t bound = 0;
        book_read(INFO_CPUS, i, 1, &info);
        const struct env_counts counts = book_cpu_counts(i);
        for (unsigned s = 0; s < SLICE_COUNT; s++)
            bound += c->slices[s].thread != 0;
        http_put(t, "<tr>");
        cell(t, c->number);
        cell(t, book_entries(&counts));
        cell(t, counts.space_switches);
        cell(t, counts.tlb_flushes);
        cell(t, c->slices_run);
        cell(t, bound);
        http_put(t, "</tr>\n");
    }
    end_table(t);
}

static void put_frames(struct http_text *t)
{
    static const char *const names[] = {
        [FRAME_FREE] = "free",
        [FRAME_ABSENT] = "not memory",
        [FRAME_KERNEL] = "kernel",
        [FRAME_MEMORY] = "pages of environments",
        [FRAME_TABLE] = "page tables",
        [FRAME_NODES] = "nodes of page tables",
        [FRAME_CAPTABLE] = "capability tables",
        [FRAME_ENV] = "environments",
        [FRAME_THREAD] = "threads",
        [FRAME_NOTIFICATION] = "notifications",
        [FRAME_RING] = "packet rings",
        [FRAME_GRAFT] = "grafts",
        [FRAME_CPU] = "processors",
        [FRAME_STALE] = "tables kept for a reader",
        [FRAME_DISK_RING] = "disk rings",
        [FRAME_DEVICE] = "dedicated devices",
        [FRAME_IO_TABLE] = "I/O page tables",
        [FRAME_IO_NODES] = "nodes of I/O page tables",
        [FRAME_UTCB] = "UTCBs of L4 threads",
        [FRAME_ENDPOINT] = "endpoints",
        [FRAME_GRAFT_MAP] = "maps of grafts",
        [FRAME_FILTERS] = "tables of filters",
        [FRAME_TREE] = "trees of blocks",
        [FRAME_FLOWS] = "parts of the network card",
    };
    uint32_t counts[sizeof names / sizeof names[0]] = {0}, others = 0;
    struct frame_info part[PART];

    for (pfn_t n = 0; n < KINFO->frame_count; n++) {
        pfn_t left = KINFO->frame_count - n;
        if (n % PART == 0)
            book_read(INFO_FRAMES, n, left < PART ? left : PART, part);
        uint8_t type = part[n % PART].type;
        if (type < sizeof names / sizeof names[0])
            counts[type]++;
        else
            others += type == FRAME_HIDDEN;
    }
    begin_table(t, "Memory", "memory", "<th>frames of 4 KiB</th><th>count</th>");
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (counts[i] && i != FRAME_ABSENT)
            row(t, names[i], counts[i]);
    if (others)
        row(t, "others', hidden", others);
    end_table(t);
}

static void put_server(struct http_text *t)
{
    const struct http_figures *f = http_figures();
    const struct net_figures n = net_figures();

    begin_table(t, "This server", "server", "<th>since it began</th><th>count</th>");
    row(t, "connections open", f->connections);
    row(t, "connections accepted", f->accepted);
    row(t, "requests answered", f->answered);
    row(t, "connections that stalled", f->turned_out);
    row(t, "connections refused", f->refused);
    row(t, "packets shown to the filter", n.shown);
    row(t, "packets received", n.received);
    row(t, "packets dropped for want of a buffer", n.dropped);
    row(t, "packets sent", n.sent);
    row(t, "seconds since boot", http_seconds() - KINFO->boot_realtime);
    end_table(t);
}

void page_index(struct http_text *t, const struct archive *a, const char *real)
{
    static struct forest forest;
    enum err e = forest_read(&forest);

    forest_arrange(&forest);
    begin(t, "exo4", "", true);
    http_put(t,
             "<p>exo4 is an exokernel: it protects and shares out the machine and leaves its "
             "management to libraries in each program; beside that it offers the abstractions of "
             "L4. This page comes from such a program. TCP/IP is a library linked into it (lwIP); "
             "packets come and go through a ring in its own memory; a checked program of its own, "
             "a <em>graft</em>, told the kernel which packets these are. All figures below are "
             "read from the kernel's book-keeping, which every program may read in place.</p>\n");
    http_put(t,
             "<p id=\"state\" class=\"q\" aria-live=\"polite\">as it was when the page came</p>\n"
             "<div id=\"live\">\n");
    put_envs(t, &forest, e);
    put_counters(t);
    put_forest(t, &forest, e);
    put_slices(t);
    put_cpus(t);
    put_rings(t);
    put_grafts(t);
    put_frames(t);
    put_server(t);
    http_put(t, "</div>\n<h2>Files of the boot image</h2>\n");
    put_list(t, a, real);
    end(t);
}

void page_directory(struct http_text *t, const struct archive *a, const char *real)
{
    begin(t, "Files in ", real, false);
    put_list(t, a, real);
    end(t);
}
