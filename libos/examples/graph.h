/* What the parts of the example `graph` share: rows of the picture, and printing. */
#pragma once

#include "libos/inspect.h"

#define GRAPH_ROWS 2048u
#define NO_ROW     GRAPH_ROWS

enum graph_kind {
    ROW_CAP,
    ROW_PAGES,  /* neighbours that were derived from one capability, or from neighbours       */
    ROW_TABLES, /* all page tables of an environment that were made from one capability       */
    ROW_SHARE,  /* a table that is shared from another place                                 */
    ROW_SLICE,
    ROW_HELD /* a binding in a frame that cannot be read: what it is follows from where it is */
};

/* One line of the picture: one node of the forest, or several that are alike. */
struct graph_row {
    enum graph_kind kind;
    uint32_t env;             /* in whose table it is drawn                                  */
    node_t name;              /* of its first node                                           */
    uint32_t nodes;           /* how many; their names follow each other, but for ROW_TABLES */
    node_t parent;            /* of the first node                                           */
    struct inspect_item item; /* the first node; of ROW_HELD nothing                */
    uint32_t parent_row;      /* NO_ROW: a root, or derived from what is unknown    */
    bool drawn;
};

extern struct graph_row graph_rows[GRAPH_ROWS];
extern uint32_t graph_row_count;

/* Reads the forest. NO_MEM: it has more rows than there is room for. Pre: inspect_open(). */
enum err graph_collect(void);

/* Prints the derivation forest, and who owns which frames, each as a digraph. */
void graph_draw_forest(void);
void graph_draw_frames(void);

/* Text of the picture, without a newline of its own. */
void graph_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something to look at: starts two programs that share memory by L4's and by the exokernel's means,
 * and makes a thread, a slice and a notification. */
enum err graph_make_life(void);

/* Plays a part of it; returns when there is no such role. */
void graph_play(const char *role, const char *partner);

/* Colours of environments, by number: for areas, and for lines and text. */
const char *graph_light(uint32_t env);
const char *graph_dark(uint32_t env);

/* Name of an environment, or "env N" made from its number; good until the next call. */
const char *graph_env_name(uint32_t env);
const char *graph_type_name(uint32_t frame_type);
