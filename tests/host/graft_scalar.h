/* Abstract numbers in tests: does one stand for a value? */
#pragma once

#include "grafts/domain.h"

static inline bool scalar_contains(const struct scalar *a, uint64_t x)
{
    struct scalar only = scalar_constant(x);
    return scalar_includes(a, &only);
}
