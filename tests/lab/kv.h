/* GETs of the key-value store by the form of the card, per request (kv.c). */
#pragma once

#include "tests/lab/served.h"

/* `form` has the link, which answers for `port`; its name and what serves are put in here. */
#define KV_PORT 11211u
void lab_kv(const char *key, struct served form, uint64_t empty);

/* The same where a packet handler of that ring, which is the form's, answers. */
void lab_kv_graft(const char *key, struct served form, slot_t ring, uint64_t empty);
