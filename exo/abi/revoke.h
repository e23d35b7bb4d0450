/*
 * Visible revocation: an environment is asked to give something up by a deadline; what it still
 * holds too much of is then taken, and written to its UTCB as REPOSSESSED(kind, name).
 */
#pragma once

#include "exo/abi/types.h"

/* What can be asked for: objects that the environment made itself, its slices and filters, and
 * ranges of blocks, lines and ports that it was given. */
enum revoke_kind {
    REVOKE_FRAMES = 1, /* frames of memory; name: slot of their CAP_FRAMES             */
    REVOKE_SLICES,     /* name: CPU * SLICE_COUNT + position                           */
    REVOKE_RINGS,      /* name: slot of the CAP_RING                                   */
    REVOKE_FILTERS,    /* bound to its rings; name: slot of the CAP_RING               */
    REVOKE_GRAFTS,     /* name: slot of the CAP_GRAFT                                  */
    REVOKE_EXTENTS,    /* blocks of the disk; name: slot of the CAP_EXTENT                   */
    REVOKE_IRQS,       /* interrupt lines; name: slot of the CAP_IRQ                         */
    REVOKE_PORTS,      /* I/O ports; name: slot of the CAP_PORTS                             */
    REVOKE_KIND_COUNT
};

#define REPOSSESSED(kind, name) ((uint64_t)(kind) << 32 | (uint32_t)(name))
#define REPOSSESSED_KIND(word)  ((uint32_t)((word) >> 32))
#define REPOSSESSED_NAME(word)  ((uint32_t)(word))
#define REVOKE_PATIENCE_SECONDS 10u /* a deadline is at most this far ahead */
