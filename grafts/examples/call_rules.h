/* What a libOS and its graft call_rules share: what becomes of each call. */
#pragma once

#include <stdint.h>

#define CALL_RULES 512u

struct call_rule {
    uint64_t answer; /* GRAFT_CALL_PASS: none, to the libOS */
    uint64_t count;  /* how often it was made               */
};

struct call_rules {
    struct call_rule of[CALL_RULES]; /* by number */
};
