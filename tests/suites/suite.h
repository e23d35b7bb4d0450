/* What a suite's program is made of: the tests that the build found, each under a name of its own.
 */
#pragma once

struct suite_test {
    const char *name;
    int (*main)(int, char **);
};

/* Made by build_suite.py; the last one has no name. */
extern const struct suite_test suite_tests[];
