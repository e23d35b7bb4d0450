/* A key-value store on a link: requests that are there, answered. */
#pragma once

#include "libos-net/examples/kv.h"
#include "libos-net/link.h"

/* Answers what has come, ARP and ping too, and sends the answers. What finds no room for its answer
 * is dropped. False: nothing had come. */
bool kv_serve(struct kv *kv, const struct answer_host *me, struct link *l);
