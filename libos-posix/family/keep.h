/* What a keeper does for the core: input, timers, processes that are lost. */
#pragma once

/* Serves the family until it has ended; its status. Pre: posix_start(), keeper_first(). */
int keep(void);
