/* Results of a guest test as TAP lines on the console: numbered, with what was got and wanted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Says first how many results will follow. */
void tap_plan(unsigned count);

/* One result each. The second prints both values when they differ. */
bool tap_ok(bool good, const char *what);
bool tap_is(uint64_t got, uint64_t want, const char *what);

/* What main() returns: 0 when all planned results came and were good. */
int tap_done(void);
