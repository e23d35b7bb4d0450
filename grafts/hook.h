/* Hooks: what each place where a graft may run gives to it. Made from exo/abi/graft_hooks.def. */
#pragma once

#include "grafts/state.h"

/* One member of a hook's context struct. */
struct hook_field {
    uint32_t offset; /* bytes from the context's start */
    uint32_t bytes;
    uint8_t kind; /* enum value_kind of what is read there */
};

struct hook {
    const struct hook_field *fields;
    uint32_t field_count;
    uint32_t budget;   /* instructions on the longest path */
    uint64_t fallback; /* the result where no graft is bound */
    uint32_t flags;    /* GRAFT_WRITES_PACKET, GRAFT_SAME_ANSWER */
};

/* The row of hook `number`, or NULL. */
const struct hook *hook_find(uint32_t number);

/* The field that an access of `bytes` at `offset` may read, or NULL. Pointers are read whole;
 * numbers also in naturally aligned parts. */
const struct hook_field *hook_field_at(const struct hook *h, int64_t offset, uint32_t bytes);
