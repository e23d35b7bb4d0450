/* Faults of the program over libos, whichever way it came in. */
#pragma once

#include "libos/upcall.h"

/* Ends the program as by the default action of the signal that Linux would send, and says why on
 * port 3; when there was no memory for a page, as by SIGKILL. */
_Noreturn void fault_end(const struct upcall_frame *fault);

/* Was it a use of memory that the program may use so, and that could not be had? */
bool fault_is_exhausted(const struct upcall_frame *fault);

/* The signal that Linux sends for an exception of the CPU. */
unsigned fault_signal(uint64_t vector);
