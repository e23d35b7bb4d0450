/*
 * A resource policy: who is asked for how many frames when they run short. The kernel only carries
 * out; another policy is another file. It runs in a program that holds the region from which its
 * clients' memory was derived; tests/qemu/revoke_policy.c serves it by IPC.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

/* Somebody who can be asked. */
struct policy_client {
    uint32_t env;   /* number                                                     */
    uint32_t least; /* frames that are not asked for                              */
    uint32_t held;  /* filled in: frames it has                                   */
    uint32_t share; /* filled in: frames it is asked for, later: that it gave     */
    bool open;      /* filled in: an ask is open                                  */
};

/* Divides `want` among the clients by what they hold above their least. Returns how much that
 * gives. */
uint32_t policy_divide(struct policy_client *clients, uint32_t count, uint32_t want);

/* Asks the clients for `want` frames made from `region`, waits up to `patience_ns`, and has the
 * rest taken. *got counts what was freed on demand. BAD_ARG: patience is out of range; NO_MEM: no
 * notification to wait by. */
enum err policy_collect(slot_t region, struct policy_client *clients, uint32_t count, uint32_t want,
                        uint64_t patience_ns, uint32_t *got);
