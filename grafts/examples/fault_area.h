/* What a libOS and its graft fault_area share: an area of addresses, and what lies there. */
#pragma once

#include <stdint.h>

struct fault_area {
    uint64_t begin; /* a multiple of the page size                        */
    uint64_t bytes; /* 0: there is no area                                 */
    uint32_t slot;  /* of frames; page n of the area is the nth of them     */
    uint32_t rights;
};
