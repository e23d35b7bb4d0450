/* What is known of values, as text. */
#pragma once

#include "grafts/prover/link.h"
#include "grafts/state.h"

#define VALUES_TEXT 160u

/* "0..30", "packet+14..54, 6 ahead", "value of counts+0". `p` names the maps. */
void value_print(const struct linked *p, const struct value *v, char text[VALUES_TEXT]);

/* Calls `line` for each register and slot of which something is known. */
void state_print(const struct linked *p, const struct state *s,
                 void (*line)(void *self, const char *text), void *self);
