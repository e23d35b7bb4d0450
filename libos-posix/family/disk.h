/*
 * The disk of a family: one ring, which the keeper binds to the extent that it was given, in frames
 * of the pool. All members have it, and use it in turns, by the lock of the arena. Pages of the
 * arena are read and written in place.
 */
#pragma once

#include "exo/abi/error.h"
#include "libos-posix/family/family.h"

#pragma GCC visibility push(hidden)

/* Binds the ring. Pre: nothing was taken from the pool yet. NO_DEVICE: there is no disk, or no
 * extent; errors of disk_ring_create. */
enum err keeper_disk_begin(void);

/* Gives a member what it needs to use the disk. */
enum err keeper_disk_give(slot_t env);
#pragma GCC visibility pop
