/* What who draws a border and its grafts share. */
#pragma once

#include <stdint.h>

struct clan_pair {
    uint64_t from, to; /* global thread IDs */
};

/* Labels of messages that are treated in another way than others. */
struct clan_rule {
    uint64_t first, last;
};

/* What has crossed a border one way. */
struct clan_traffic {
    uint64_t messages, words;
};
