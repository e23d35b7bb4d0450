/* What the tests of revocation and their libOSes share: a page, and their roles. */
#pragma once

#include "exo/abi/revoke.h"

/* Written by the child, but for `stop` and `serve`; the child's SLOT_FREE holds its frame. */
struct revoke_page {
    uint64_t ready;                   /* it holds what it wants                          */
    uint64_t beat;                    /* counts while it lives                           */
    uint64_t serve;                   /* the slow one may answer now                     */
    uint64_t stop;                    /* it shall exit                                   */
    uint64_t losses;                  /* words of the repossession vector                */
    uint64_t expected;                /* slot of frames that it would rather lose        */
    uint64_t works;                   /* pages that it can read and write after a loss   */
    uint64_t held[REVOKE_KIND_COUNT]; /* of kinds with a capability, by its own table    */
};

#define CHILD_PAGES 200u /* that each child uses */

/* Runs as "polite", "slow" or "deaf"; returns the exit status. */
int revoke_child(const char *role);
