/* What who draws a border and its graft ipc_clan share. */
#pragma once

#include <stdint.h>

struct clan_pair {
    uint64_t from, to; /* global thread IDs */
};

/* Messages with these labels do not leave. */
struct clan_rule {
    uint64_t first, last;
};
