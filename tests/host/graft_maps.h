/* What tests of maps share: numbers by chance, and a map in memory as large as measured and not a
 * byte larger, so that ASan sees more. */
#pragma once

#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "grafts/map.h"

#define CPUS   3u
#define ROUNDS 40000u

static uint64_t chance_state = 1;

static inline uint32_t chance(uint32_t below)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance_state >> 33) % below;
}

struct fixture {
    struct graft_map map;
    void *own, *shared;
};

static inline void begin(struct fixture *x, const struct graft_map_def *d)
{
    struct graft_map_room room;

    assert_true(graft_map_measure(d, CPUS, &room));
    x->own = room.own ? calloc(1, room.own) : NULL;
    x->shared = room.shared ? calloc(1, room.shared) : NULL;
    graft_map_begin(&x->map, d, CPUS, 77, x->own, x->shared);
}

static inline void end(struct fixture *x)
{
    free(x->own);
    free(x->shared);
}

static inline void expect_whole(const struct graft_map *m)
{
    const char *broken = graft_map_check(m);

    if (broken)
        fail_msg("%s", broken);
}
