/*
 * A resource policy: who is asked for how many frames when they run short. The kernel only carries
 * out; another policy is another file. It runs in a program that holds the region from which its
 * clients' memory is made: libos/servers/policy.c.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

/* Somebody who can be asked. */
struct policy_client {
    uint32_t env;    /* number                                                     */
    uint32_t least;  /* frames that it has been guaranteed                         */
    uint32_t weight; /* its part of what is not guaranteed, beside the others'     */
    uint32_t keeps;  /* filled in: frames that it is not asked for                 */
    uint32_t held;   /* filled in: frames it has                                   */
    uint32_t share;  /* filled in: frames it is asked for                          */
    bool open;       /* filled in: an ask is open                                  */
};

/* Counts what each holds of the `count` frames from `first` on, in the frame table. Returns how
 * many are free. */
uint32_t policy_count(pfn_t first, uint32_t count, struct policy_client *clients, uint32_t n);

/* Says what each keeps of `frames` in all: what it was guaranteed, and of the rest a part by its
 * weight. */
void policy_entitle(struct policy_client *clients, uint32_t n, uint32_t frames);

/* Divides `want` among the clients by what they hold above what they keep. Returns how much that
 * gives. */
uint32_t policy_divide(struct policy_client *clients, uint32_t n, uint32_t want);

/* Asks the clients for their shares of what was made from `region`, and waits until all asks are
 * closed: given, or taken after `patience_ns`. Returns how much was asked for. BAD_ARG: patience is
 * out of range; NO_MEM: no notification to wait by. */
enum err policy_collect(slot_t region, struct policy_client *clients, uint32_t n,
                        uint64_t patience_ns, uint32_t *got);
