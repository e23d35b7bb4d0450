/* The serial ports. */
#pragma once

#include "exo/abi/types.h"

#define CONSOLE_LOG 3u /* the kernel's own lines */

void arch_console_init(void);

/* Sends one byte to port 1, 2 or 3; waits until the port takes it. */
void arch_console_put(unsigned port, char c);

/* Takes a byte that arrived at port 1 or 3, or returns -1. */
int arch_console_get(unsigned port);

/* Lets ports 1 and 3, which share a line, interrupt when a byte arrives, and gives that to
 * `handler`, which takes what there is from both. */
void arch_console_listen(void (*handler)(void));

/* Seconds since 1970 by the battery clock. */
uint64_t arch_realtime(void);

/* Ends the machine. */
_Noreturn void arch_power_off(void);
