/* libos/string.c agrees with the C library on many lengths, offsets and overlaps. */
#include "tests/host/host.h"

#include <string.h>

/* The module's own names would replace the C library's in this program. */
#define memcpy  own_memcpy
#define memmove own_memmove
#define memset  own_memset
#define memcmp  own_memcmp
#define strlen  own_strlen
#define strnlen own_strnlen
#define strcmp  own_strcmp
#define strncmp own_strncmp
#define strchr  own_strchr
#include "libos/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define BYTES 100u

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void number(uint8_t *bytes)
{
    for (unsigned i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * 7 + 1);
}

static void copies_move_exactly_the_bytes_asked_for(void **state)
{
    (void)state;
    for (unsigned to = 0; to < 40; to++)
        for (unsigned from = 0; from < 40; from++)
            for (unsigned n = 0; n < 40; n++) {
                uint8_t got[BYTES], want[BYTES];
                number(got);
                number(want);
                memmove(want + to, want + from, n);
                own_memmove(got + to, got + from, n);
                assert_memory_equal(got, want, BYTES);
            }
}

static void filling_stops_at_the_length(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 50; n++) {
        uint8_t got[BYTES], want[BYTES];
        number(got);
        number(want);
        memset(want + 3, 0x1a5, n);
        assert_ptr_equal(own_memset(got + 3, 0x1a5, n), got + 3);
        assert_memory_equal(got, want, BYTES);
    }
}

static void comparisons_have_the_sign_of_the_first_difference(void **state)
{
    static const char *const rows[][2] = {{"", ""},       {"", "a"},      {"a", ""},
                                          {"abc", "abd"}, {"abc", "abc"}, {"ab", "\xff"},
                                          {"abc", "ab"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *a = rows[i][0], *b = rows[i][1];
        assert_int_equal(sign(own_strcmp(a, b)), sign(strcmp(a, b)));
        assert_int_equal(sign(own_strncmp(a, b, 2)), sign(strncmp(a, b, 2)));
        assert_int_equal(sign(own_memcmp(a, b, 1)), sign(memcmp(a, b, 1)));
        assert_int_equal(own_strlen(a), strlen(a));
        assert_int_equal(own_strnlen(a, 2), strlen(a) < 2 ? strlen(a) : 2);
    }
}

static void a_character_is_found_or_not(void **state)
{
    const char *s = "hello";

    (void)state;
    assert_ptr_equal(own_strchr(s, 'l'), s + 2);
    assert_ptr_equal(own_strchr(s, '\0'), s + 5);
    assert_null(own_strchr(s, 'x'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_move_exactly_the_bytes_asked_for),
        cmocka_unit_test(filling_stops_at_the_length),
        cmocka_unit_test(comparisons_have_the_sign_of_the_first_difference),
        cmocka_unit_test(a_character_is_found_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
