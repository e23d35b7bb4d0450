/* A key-value store on a link: requests that are there, answered; and what they begin with. */
#pragma once

#include "libos-net/examples/kv.h"
#include "libos-net/link.h"

/* Since 1970, in ns, when the time-stamp counter was 0. */
uint64_t kv_zero(void);

/* Answers what has come, ARP and ping too, and sends the answers. What finds no room for its answer
 * is dropped. False: nothing had come. */
bool kv_serve(struct kv *kv, const struct answer_host *me, struct link *l);
