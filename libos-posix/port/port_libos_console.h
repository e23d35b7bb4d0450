/* The console of the port to libos, beside what port.h declares. */
#pragma once

#include "exo/abi/types.h"

/* Takes what has come on the serial ports. True: there is something to read, or the input has
 * ended. */
bool port_libos_console_take(void);

/* Has the terminal another size since this was asked last? Said by port_libos_console_take. */
struct port_terminal;
bool port_libos_resized(struct port_terminal *size);
