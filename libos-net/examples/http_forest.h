/*
 * The derivation forest as a picture. Nodes of one kind and one environment that were derived from
 * nodes of one box become a box, so that a thousand pages are one; a box stands right of what it
 * was derived from. What the nodes are is read by http_forest_read.c.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"
#include "libos-net/examples/http_text.h"

#define FOREST_BOXES   256u
#define FOREST_NO_BOX  FOREST_BOXES
#define FOREST_COLOURS 6u

struct forest_node {
    node_t name;
    node_t parent;    /* 0: a root, or derived from what is unknown         */
    const char *what; /* never freed; two that read alike are alike         */
    uint32_t env;     /* whose it is                                        */
    uint32_t box;     /* index; FOREST_NO_BOX: there was no room for one    */
    bool is_cap;
};

struct forest_box {
    const char *what;
    uint32_t env;
    uint32_t nodes;
    uint32_t parent; /* index; FOREST_NO_BOX: roots                      */
    uint32_t column; /* generations above it                             */
    uint32_t row;    /* from the top; that of its parent for its first child */
};

struct forest {
    struct forest_node *nodes; /* [room], on the heap                       */
    uint32_t count, room;
    struct forest_box boxes[FOREST_BOXES];
    uint32_t box_count, columns, rows;
    uint32_t left_out; /* nodes that are in no box                          */
};

/* What is counted for an environment. */
struct forest_counts {
    uint32_t capabilities;
    uint32_t pages; /* bound                                                */
    uint32_t held;  /* other bindings: tables, slices, and those of kernel objects */
};

/* Reads the forest of the running system, in place of what `f` held; zeroed before the first time.
 * A node that two environments change meanwhile may be told as it was or as it is. NOT_BOUND  the
 * kernel hides what is others' BAD_CAP    the program may not inspect NO_MEM     too many nodes or
 * page tables On an error the forest is empty. */
enum err forest_read(struct forest *f);

/* Puts the nodes into boxes, and those into columns and rows. A node that is there twice counts
 * once. */
void forest_arrange(struct forest *f);

/* Of environment `env`. */
struct forest_counts forest_count(const struct forest *f, uint32_t env);

/* Draws the boxes as SVG. Pre: forest_arrange(). */
void forest_draw(const struct forest *f, struct http_text *t);

/* The class of the style sheet that has an environment's colour: "c0" for number 0, "c1" ... */
void forest_put_colour(struct http_text *t, uint32_t env);

extern const char forest_pages[]; /* what page bindings are called */
