/*
 * The L4 root task of `make exec-l4`: an X.2 program in a space of its own, as L4Ka::Pistachio's
 * boot loader and kernel begin it. Its image lies at its link address, its UTCBs and the kernel
 * interface page where Pistachio has them; it is privileged, its pager is sigma0, its scheduler
 * itself, its priority 255. Its kernel memory is an eighth of all; the rest is to be had from
 * sigma0.
 */
#pragma once

#include "exo/abi/syscall.h"
#include "libos/archive.h"

#define L4_ROOT_NUMBER (THREAD_FIRST + 2) /* of the root task's first thread, of whatever kind */

struct l4_root {
    slot_t env, watch; /* told of its end by bit 0 of `watch` */
    uint32_t number;   /* of its environment                  */
    uint64_t thread_id;
};

/* Does the kernel's command line ask for one? */
bool l4_root_is_wanted(void);

/* Makes it of `.exo4/l4/task`, loads the boot modules, and starts it. Returns NULL, or why that
 * cannot be. */
const char *l4_root_start(const struct archive *a, struct l4_root *root);

/* Waits for its end, which is a fault, and says on port 2 which. */
void l4_root_wait(const struct l4_root *root);
