/*
 * The network card of a family: one ring, which the keeper makes, in frames that all members see.
 * They use it in turns, by the lock of the arena. When a packet comes the keeper wakes.
 */
#pragma once

#include "exo/abi/error.h"
#include "libos-posix/family/family.h"

#pragma GCC visibility push(hidden)

/* Makes the ring, which gets every packet that is nobody else's. Before the first process.
 * NO_DEVICE: there is no card, or it was not given; errors of ring_create. */
enum err keeper_net_begin(void);
#pragma GCC visibility pop
