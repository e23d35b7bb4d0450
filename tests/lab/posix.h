/* What the lab's program of POSIX calls measures: one record for each operation. */
#pragma once

#include <stdbool.h>

/* Each function may be NULL. False: the system refuses what the operation needs. */
struct operation {
    const char *name;
    unsigned per;        /* of what is counted, in one round */
    bool (*begin)(void); /* once */
    void (*before)(void);
    void (*run)(void); /* counted */
    void (*after)(void);
    void (*end)(void); /* once */
};

/* posix_calls.c: by one thread. posix_tasks.c: those that other threads or processes take part in.
 */
extern const struct operation call_operations[], task_operations[]; /* ended by a name of NULL */

/* Path of this program, and of one that does nothing but end. */
extern const char *posix_self;
#define TINY_PATH "/tiny"

/* Ends the program, saying why there are no results. */
_Noreturn void posix_fail(const char *what);
