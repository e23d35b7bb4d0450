/* The echo of a datagram while others compute (load.c). */
#pragma once

#include "libos/archive.h"
#include "tests/qemu/rig.h"

/* The rig's ring answers for the wire's packets. */
void lab_load(const struct archive *a, const struct rig *r);
