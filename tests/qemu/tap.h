/*
 * TAP from inside the guest: one line per check, on the console, for tests/tools/qemu_run.py. A
 * test is a user program that checks and returns tap_done() from main. It may say first how many
 * checks will follow; else the plan comes last, so that a program which ends early has none, and
 * fails.
 */
#pragma once

#include <stdbool.h>

/* Says how many checks will follow. */
void tap_plan(unsigned count);

/* Prints "ok N - what" or "not ok N - what". Returns `good`, so that a test can stop early. */
bool tap_ok(bool good, const char *what);

/* Like tap_ok(got == want, what), and says both values when they differ. Any integers. */
#define tap_is(got, want, what) tap_equal((long)(got), (long)(want), what)
bool tap_equal(long got, long want, const char *what);

/* Says in the log why something is as it is. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What main() returns: 0 when all checks came and were good. Prints the plan if none was. */
int tap_done(void);
