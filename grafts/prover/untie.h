/*
 * Loops with several registers that move in step. A compiler walks an array by a pointer and counts
 * the turns beside it; no claim can say that the one hangs on the other. So the other is made from
 * the one anew at each turn, which changes nothing that the program does.
 */
#pragma once

#include "grafts/prover/link.h"

/* Rewrites p's code; its new code is in the work's memory. False: there is no such loop. */
bool untie_registers(struct work *w, struct linked *p);
