/* Pages made from the kernel's book-keeping and from the boot image. */
#include "libos-net/examples/http_pages.h"

#include "libos-net/examples/http_files.h"
#include "libos-net/examples/http_server.h"
#include "libos-net/net.h"
#include "libos/book.h"

#include <string.h>

#define MIB_FRAMES 256u
#define PART       64u /* records read at once */

static void begin(struct http_text *t, const char *title, const char *path)
{
    http_put(t, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    http_put(t, title);
    http_put_html(t, path, strlen(path));
    http_put(t, "</title><style>body{font-family:sans-serif;max-width:60em;margin:2em auto;"
                "padding:0 1em}td,th{text-align:right;padding:0.1em 0.8em}td:first-child,"
                "th:first-child{text-align:left}tr:nth-child(even){background:#f2f2f2}"
                "</style></head><body>\n<h1>");
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

static void put_envs(struct http_text *t)
{
    http_put(t, "<h2>Environments</h2>\n<table><tr><th>name</th><th>number</th><th>made by</th>"
                "<th>frames</th><th>threads</th><th>root table</th></tr>\n");
    for (uint32_t i = 1; i < ENV_MAX; i++) {
        const struct env_info e = book_env_read(i);
        if (e.state == ENV_NONE)
            continue;
        http_put(t, "<tr><td>");
        http_put_html(t, e.name, sizeof e.name);
        http_put(t, e.state == ENV_DYING ? " (ending)</td>" : "</td>");
        cell(t, i);
        cell(t, e.parent);
        cell(t, e.frames);
        cell(t, e.threads);
        http_put(t, "<td>");
        http_put_hex(t, (uint64_t)e.root << PAGE_BITS);
        http_put(t, "</td></tr>\n");
    }
    http_put(t, "</table>\n");
}

static void put_cpus(struct http_text *t)
{
    http_put(t, "<h2>Processors</h2>\n<table><tr><th>CPU</th><th>kernel entries</th>"
                "<th>address-space switches</th><th>TLB flushes</th><th>slices run</th>"
                "<th>slices bound</th></tr>\n");
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
    http_put(t, "</table>\n");
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
        [FRAME_UTCB] = "UTCBs of L4 threads",
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
    http_put(t, "<h2>Memory</h2>\n<table><tr><th>frames of 4 KiB</th><th>count</th></tr>\n");
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (counts[i] && i != FRAME_ABSENT)
            row(t, names[i], counts[i]);
    if (others)
        row(t, "others', hidden", others);
    http_put(t, "</table>\n");
}

static void put_server(struct http_text *t)
{
    const struct http_figures *f = http_figures();
    const struct net_figures n = net_figures();

    http_put(t, "<h2>This server</h2>\n<table><tr><th>since it began</th><th>count</th></tr>\n");
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
    http_put(t, "</table>\n");
}

void page_index(struct http_text *t, const struct archive *a, const char *real)
{
    begin(t, "exo4", "");
    http_put(t,
             "<p>exo4 is an exokernel: it protects and shares out the machine and leaves its "
             "management to libraries in each program; beside that it offers the abstractions of "
             "L4. This page comes from such a program. TCP/IP is a library linked into it (lwIP); "
             "packets come and go through a ring in its own memory; a checked program of its own, "
             "a <em>graft</em>, told the kernel which packets these are. All figures below are "
             "read from the kernel's book-keeping, which every program may read in place.</p>\n");
    put_envs(t);
    put_cpus(t);
    put_frames(t);
    put_server(t);
    http_put(t, "<h2>Files of the boot image</h2>\n");
    put_list(t, a, real);
    end(t);
}

void page_directory(struct http_text *t, const struct archive *a, const char *real)
{
    begin(t, "Files in ", real);
    put_list(t, a, real);
    end(t);
}
