/*
 * A picture of the running system, from nothing but the kernel's exported book-keeping: the
 * derivation forest and the owners of all frames, as two digraphs for Graphviz on the console.
 * `make graph` turns them into files. So that there is something to see, the program first starts
 * some life of its own (graph_life.c).
 */
#include "libos/examples/graph.h"

#include "libos/book.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/print.h"
#include "libos/servers/program.h"

#include <stdarg.h>

#define NAME_BYTES 40u
#define LINE_BYTES 768u
#define COLOURS    6u

void graph_print(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list list;

    va_start(list, format);
    size_t length = print_format_list(line, sizeof line, format, list);
    va_end(list);
    log_bytes(LOG_PORT_CONSOLE, line, length < sizeof line ? length : sizeof line - 1);
}

const char *graph_light(uint32_t env)
{
    static const char *const light[COLOURS] = {"#d6e6f7", "#d9f0d6", "#fdebc8",
                                               "#f6d9e4", "#e5dcf4", "#d3f1ee"};

    return env ? light[(env - 1) % COLOURS] : "#f2f2f2";
}

const char *graph_dark(uint32_t env)
{
    static const char *const dark[COLOURS] = {"#2a5d95", "#2f7d32", "#b26a00",
                                              "#ad3265", "#6a3fae", "#00796b"};

    return env ? dark[(env - 1) % COLOURS] : "#777777";
}

/* Characters that mean something in Graphviz' labels are replaced. */
const char *graph_env_name(uint32_t env)
{
    static char name[NAME_BYTES];
    const volatile struct env_info *info = book_env(env);
    uint32_t i = 0;

    for (; i < sizeof info->name && info->name[i]; i++) {
        char c = info->name[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        name[i] = plain ? c : '_';
    }
    name[i] = '\0';
    if (!i)
        print_format(name, sizeof name, "env %u", env);
    return name;
}

const char *graph_type_name(uint32_t type)
{
    static const char *const names[] = {[FRAME_FREE] = "free",
                                        [FRAME_ABSENT] = "absent",
                                        [FRAME_KERNEL] = "kernel",
                                        [FRAME_MEMORY] = "memory",
                                        [FRAME_TABLE] = "page tables",
                                        [FRAME_NODES] = "their nodes",
                                        [FRAME_CAPTABLE] = "cap tables",
                                        [FRAME_ENV] = "environments",
                                        [FRAME_THREAD] = "threads",
                                        [FRAME_NOTIFICATION] = "notifications",
                                        [FRAME_RING] = "rings",
                                        [FRAME_GRAFT] = "grafts",
                                        [FRAME_CPU] = "slice nodes",
                                        [FRAME_STALE] = "stale tables",
                                        [FRAME_DISK_RING] = "disk rings",
                                        [FRAME_DEVICE] = "devices",
                                        [FRAME_IO_TABLE] = "I/O tables",
                                        [FRAME_IO_NODES] = "their I/O nodes",
                                        [FRAME_UTCB] = "UTCBs of L4",
                                        [FRAME_ENDPOINT] = "endpoints",
                                        [FRAME_GRAFT_MAP] = "graft maps",
                                        [FRAME_FILTERS] = "filters",
                                        [FRAME_TREE] = "trees of blocks",
                                        [FRAME_FLOWS] = "parts of the card"};

    return type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

int main(int argc, char **argv)
{
    enum err e = libos_setup();

    if (e == ERR_OK && argc > 1)
        graph_play(argv[1], argc > 2 ? argv[2] : "");
    if (e == ERR_OK && argc == 1)
        e = graph_make_life();
    if (e == ERR_OK)
        e = inspect_open();
    if (e == ERR_OK)
        e = graph_collect();
    if (e)
        program_fail(1, "graph", error_text(e));
    graph_draw_forest();
    graph_draw_frames();
    return 0;
}
