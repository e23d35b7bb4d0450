/* libos/print.c prints as the C library does, and never beyond its buffer. */
#include "tests/host/host.h"

#include <stdio.h>
#include <string.h>

#include "libos/print.h"

/* Formats that both know must give the same text and length, whole and cut. */
#define AGREE(...)                                                                                 \
    do {                                                                                           \
        char got[64], want[64];                                                                    \
        for (size_t size = 0; size <= sizeof got; size++) {                                        \
            memset(got, '#', sizeof got);                                                          \
            memset(want, '#', sizeof want);                                                        \
            assert_int_equal(print_format(got, size, __VA_ARGS__),                                 \
                             snprintf(want, size, __VA_ARGS__));                                   \
            assert_memory_equal(got, want, sizeof got);                                            \
        }                                                                                          \
    } while (0)

static void numbers_print_as_in_c(void **state)
{
    (void)state;
    AGREE("%d %i %u", 0, -1, 42u);
    AGREE("%d %ld", -2147483647 - 1, -9223372036854775807l - 1);
    AGREE("%lu %zu %x %lx", ~0ul, (size_t)7, 0xdeadbeefu, ~0ul);
    AGREE("[%5d] [%-5d] [%05d] [%5u]", -42, -42, -42, 123456u);
    AGREE("[%016lx] [%08x]", 0x1234ul, 0u);
}

static void strings_and_characters_print_as_in_c(void **state)
{
    (void)state;
    AGREE("%s|%10s|%-10s|%.2s|", "abc", "abc", "abc", "abc");
    AGREE("%c%c%% %3c|%-3c|", 'a', 'b', 'c', 'd');
}

static void pointers_print_in_hexadecimal(void **state)
{
    char text[32];

    (void)state;
    assert_int_equal(print_format(text, sizeof text, "%p", (void *)0x1f00), 6);
    assert_string_equal(text, "0x1f00");
}

static void unknown_directives_are_copied(void **state)
{
    char text[32];
    const char *odd = "a%q %5.3y b%"; /* not a literal: the compiler would object, rightly */

    (void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
    print_format(text, sizeof text, odd);
#pragma GCC diagnostic pop
    assert_string_equal(text, odd);
}

static void a_missing_string_is_said_to_be_missing(void **state)
{
    char text[32];
    const char *volatile missing = NULL;

    (void)state;
    print_format(text, sizeof text, "%s", missing);
    assert_string_equal(text, "(null)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_print_as_in_c),
        cmocka_unit_test(strings_and_characters_print_as_in_c),
        cmocka_unit_test(pointers_print_in_hexadecimal),
        cmocka_unit_test(unknown_directives_are_copied),
        cmocka_unit_test(a_missing_string_is_said_to_be_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
