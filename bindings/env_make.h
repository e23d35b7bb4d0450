/* Making an environment from frames that have been taken: for the call and for boot. */
#pragma once

#include "bindings/cap.h"

#define SIGMA0 1u /* number of the first environment, which boot makes with all it has */

/* `p->base` is the first of ENV_FRAMES frames taken for `number`. */
struct env *env_make(const struct object_place *p, uint16_t number, uint16_t maker);
