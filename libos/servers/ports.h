/* Handing out I/O ports by messages: each port to one thread, the first that asks. For several
 * threads at once. */
#pragma once

#include <l4/arch.h>
#include <l4/types.h>

/* The IO fpage to map for `client`, which asks for `wanted`; or nil: nobody holds such ports here,
 * or another thread got one of them. */
L4_Fpage_t ports_serve(L4_ThreadId_t client, L4_Fpage_t wanted);
