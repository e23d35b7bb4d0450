/* Making an environment from frames that have been taken: for the call and for boot. */
#pragma once

#include "bindings/cap.h"

/* `p->base` is the first of ENV_FRAMES frames taken for `number`. */
struct env *env_make(const struct object_place *p, uint16_t number, uint16_t maker);
