/* I/O ports mapped from space to space: finding, deriving, cutting and moving ranges of them. */
#include "bindings/port.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/base/assert.h"
#include "exo/env/env.h"
#include "exo/mem/frame.h"

static uint32_t end_of(const struct cap *c)
{
    return c->base + c->count;
}

static struct cap *cap_of(const struct node *n)
{
    return (struct cap *)(uintptr_t)n;
}

/* Of `table` and `best`, the capability that has the first port from `port` on. */
static struct cap *next_in(struct cap *table, struct cap *best, uint32_t port, rights_t need)
{
    for (struct cap *c = table; table && c < table + CAPS_PER_FRAME; c++) {
        if (c->kind != CAP_PORTS || end_of(c) <= port || (need & ~(rights_t)c->rights))
            continue;
        if (c->base <= port)
            return c;
        if (!best || c->base < best->base)
            best = c;
    }
    return best;
}

struct cap *port_next(const struct env *e, uint32_t port, rights_t need)
{
    struct cap *mapped = next_in(e->ports, NULL, port, need);

    if (mapped && mapped->base <= port)
        return mapped;
    return next_in(e->captables[0], mapped, port, need);
}

bool port_held(const struct env *e, uint32_t port, uint32_t width, rights_t need)
{
    for (uint32_t end = port + width; port < end;) {
        const struct cap *c = port_next(e, port, need);
        if (!c || c->base > port)
            return false;
        port = end_of(c);
    }
    return true;
}

static struct env *env_of(const struct cap *c)
{
    return env_by_number[frame_of(frame_number(c))->owner];
}

bool port_is_mapped(const struct cap *c)
{
    const struct cap *table = env_of(c)->ports;

    return table && c >= table && c < table + CAPS_PER_FRAME;
}

/* An empty place in the port table, which is made if need be. */
static struct cap *free_place(struct env *e)
{
    if (!e->ports && e->kmem.parent) {
        struct cap *region = cap_of(node_at(e->kmem.parent));
        pfn_t frame = frame_find(region->base, region->base + region->count, 1);
        if (frame == PFN_ANY)
            return NULL;
        frame_take(frame, 1, FRAME_CAPTABLE, e->number, node_name(&e->ports_node));
        node_link(&region->node, &e->ports_node);
        e->ports = frame_memory(frame);
        e->info->frames++;
    }
    for (struct cap *c = e->ports; c && c < e->ports + CAPS_PER_FRAME; c++)
        if (c->kind == CAP_NONE)
            return c;
    return NULL;
}

/* Fills the empty `place` with ports [base, end) under `parent`. Such do not count against
 * guarantees, which are about slots. */
static void make(struct cap *place, struct cap *parent, rights_t rights, uint32_t base,
                 uint32_t end)
{
    *place = (struct cap){
        .kind = CAP_PORTS, .rights = (uint8_t)rights, .base = base, .count = end - base};
    node_link(&parent->node, &place->node);
}

/* From `port` on, where what the port table of `e` has of [.., end) begins, and ends. */
static void find_mapped(const struct env *e, uint32_t port, uint32_t end, uint32_t *first,
                        uint32_t *behind)
{
    const struct cap *c = next_in(e->ports, NULL, port, 0);

    *first = c && c->base < end ? (c->base > port ? c->base : port) : end;
    *behind = c && *first < end ? end_of(c) : end;
}

bool port_map(struct cap *from, struct env *to, uint32_t base, uint32_t end)
{
    for (uint32_t first, behind; base < end; base = behind) {
        find_mapped(to, base, end, &first, &behind);
        struct cap *place = base < first ? free_place(to) : NULL;
        if (place)
            make(place, from, from->rights, base, first);
        else if (base < first)
            return false;
    }
    return true;
}

static bool straddles(const struct cap *c, uint32_t at)
{
    return c->base < at && at < end_of(c);
}

/* Hangs what is derived from `c` and lies from `at` on under `to`. Nothing straddles `at`. */
static void move_children(struct cap *c, struct cap *to, uint32_t at)
{
    for (struct node *next, *n = node_at(c->node.child); n; n = next) {
        next = node_at(n->next);
        if (cap_of(n)->base >= at)
            node_move(n, &to->node);
    }
}

/* Cuts `c` in two at `at`, where nothing derived from it straddles; or takes it whole. */
static void split(struct cap *c, uint32_t at)
{
    struct cap *second = port_is_mapped(c) ? free_place(env_of(c)) : NULL;

    if (!second) {
        revoke_all(&c->node, true);
        return;
    }
    make(second, cap_of(node_at(c->node.parent)), c->rights, at, end_of(c));
    move_children(c, second, at);
    c->count = at - c->base;
}

/* The one farthest below `c` that straddles `at`; or `c`. */
static struct cap *deepest(struct cap *c, uint32_t at)
{
    for (struct node *n = node_at(c->node.child); n;) {
        if (straddles(cap_of(n), at)) {
            c = cap_of(n);
            n = node_at(c->node.child);
        } else {
            n = node_at(n->next);
        }
    }
    return c;
}

/* Nothing derived from `c` straddles `at` afterwards, nor does `c` if `itself`. False: it is gone.
 */
static bool cut(struct cap *c, uint32_t at, bool itself)
{
    for (;;) {
        struct cap *d = deepest(c, at);
        if (d == c)
            break;
        split(d, at);
    }
    if (itself && straddles(c, at))
        split(c, at);
    return c->kind == CAP_PORTS;
}

/* Takes [base, end), which `c` has, from all derived from it; and if `itself` from it, which is in
 * the port table of `e`. */
static void take(const struct env *e, struct cap *c, uint32_t base, uint32_t end, bool itself)
{
    if (!cut(c, base, itself))
        return;
    if (itself) /* the part that begins at `base` now */
        c = next_in(e->ports, NULL, base, 0);
    if (!c || !cut(c, end, itself))
        return;
    for (struct node *next, *n = node_at(c->node.child); n; n = next) {
        next = node_at(n->next);
        if (cap_of(n)->base >= base && end_of(cap_of(n)) <= end)
            revoke_all(n, true);
    }
    if (itself)
        revoke_all(&c->node, true);
}

static void take_in(const struct env *e, struct cap *table, uint32_t base, uint32_t end,
                    bool itself)
{
    for (struct cap *c = table; table && c < table + CAPS_PER_FRAME; c++) {
        const uint32_t first = c->base > base ? c->base : base;
        const uint32_t behind = end_of(c) < end ? end_of(c) : end;
        if (c->kind == CAP_PORTS && first < behind)
            take(e, c, first, behind, itself);
    }
}

void port_take(struct env *e, uint32_t base, uint32_t end, bool itself)
{
    take_in(e, e->captables[0], base, end, false);
    take_in(e, e->ports, base, end, itself);
}

/* Moves `c` whole. */
static bool move(struct cap *c, struct env *to)
{
    struct cap *place = free_place(to);

    if (!place)
        return false;
    make(place, cap_of(node_at(c->node.parent)), c->rights, c->base, end_of(c));
    move_children(c, place, 0);
    cap_destroy(c);
    return true;
}

bool port_grant(struct cap *from, struct env *to, uint32_t base, uint32_t end)
{
    const struct env *e = env_of(from);

    for (uint32_t first, behind; base < end; base = behind) {
        find_mapped(to, base, end, &first, &behind);
        if (base == first)
            continue;
        if (!cut(from, base, true))
            return true; /* there was no place for what is left of it, and it went */
        from = next_in(e->ports, NULL, base, 0);
        if (!from || !cut(from, first, true))
            return true;
        if (!move(from, to))
            return false;
        from = next_in(e->ports, NULL, behind, 0);
        if (!from || from->base > behind)
            return true;
    }
    return true;
}

const char *port_check(const struct env *e)
{
    uint32_t parts = 0;

    if (!e->ports != !e->ports_node.parent)
        return "N1: a port table hangs nowhere, or is none";
    for (const struct cap *c = e->ports; c && c < e->ports + CAPS_PER_FRAME; c++) {
        if (c->kind == CAP_NONE)
            continue;
        if (c->kind != CAP_PORTS || !c->node.parent || !c->count || end_of(c) > PORT_END)
            return "N1: a port table holds something else";
        for (const struct cap *d = e->ports; d < c; d++)
            parts += d->kind == CAP_PORTS && d->base < end_of(c) && c->base < end_of(d);
    }
    return parts ? "N1: a port table has a port twice" : NULL;
}
