/* The smallest complete libOS stays one that is read in an hour. Runs from the top of the tree. */
#include "tests/host/host.h"

#include <stdio.h>

#define LINES_MAX 500u

static unsigned lines_of(const char *path)
{
    FILE *f = fopen(path, "r");
    unsigned lines = 0;

    assert_non_null(f);
    for (int c = getc(f); c != EOF; c = getc(f))
        lines += c == '\n';
    fclose(f);
    return lines;
}

static void hello_and_its_assembly_have_fewer_than_500_lines(void **state)
{
    (void)state;
    unsigned all = lines_of("libos/examples/hello.c") + lines_of("libos/start/x86_64/upcall.S") +
                   lines_of("libos/start/x86_64/upcall_layout.h");
    assert_in_range(all, 1, LINES_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_and_its_assembly_have_fewer_than_500_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
