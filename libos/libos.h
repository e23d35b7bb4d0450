/* Setting a program's libos up, in one call. */
#pragma once

#include "exo/abi/boot.h"
#include "exo/abi/error.h"

#define START ((const struct startinfo *)START_INFO)

/* Capability slots, region, frames, virtual memory with its fault handler. Call it once, first,
 * from the first thread; a program that uses fewer modules calls their own functions instead.
 *
 * NO_MEM: the program was given too little memory. Others: the program was not started as
 * exo/abi/boot.h says. */
enum err libos_setup(void);
