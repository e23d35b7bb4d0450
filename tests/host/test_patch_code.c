/* What looks like an access below the stack pointer, and what does not. */
#include "tests/host/host.h"

#include "libos-posix/family/patch_code.h"

#define STACK ((vaddr_t)0x7000)

static const struct {
    const char *what;
    uint8_t code[12];
    uint8_t bytes;
    uint16_t frame; /* of the frame pointer, above the stack pointer */
    bool red;
} rows[] = {
    {"mov %rdi, -8(%rsp)", {0x48, 0x89, 0x7c, 0x24, 0xf8}, 5, 0, true},
    {"mov %rdi, -128(%rsp)", {0x48, 0x89, 0x7c, 0x24, 0x80}, 5, 0, true},
    {"mov %rdi, 8(%rsp)", {0x48, 0x89, 0x7c, 0x24, 0x08}, 5, 0, false},
    {"mov %rdi, 127(%rsp)", {0x48, 0x89, 0x7c, 0x24, 0x7f}, 5, 0, false},
    {"movl $1, -4(%rsp)", {0xc7, 0x44, 0x24, 0xfc, 1, 0, 0, 0}, 8, 0, true},
    {"lea -16(%rsp), %rdi", {0x48, 0x8d, 0x7c, 0x24, 0xf0}, 5, 0, true},
    {"movaps %xmm0, -24(%rsp)", {0x0f, 0x29, 0x44, 0x24, 0xe8}, 5, 0, true},
    {"mov -40(%rsp,%rax,4), %ecx", {0x8b, 0x4c, 0x84, 0xd8}, 4, 0, true},
    {"fnstcw -2(%rsp)", {0xd9, 0x7c, 0x24, 0xfe}, 4, 0, true},
    {"movl $0, -100(%rsp), by four bytes", {0xc7, 0x84, 0x24, 0x9c, 0xff, 0xff, 0xff}, 7, 0, true},
    {"mov 200(%rsp), %eax", {0x8b, 0x84, 0x24, 0xc8, 0, 0, 0}, 7, 0, false},
    {"mov -200(%rsp), %eax", {0x8b, 0x84, 0x24, 0x38, 0xff, 0xff, 0xff}, 7, 0, false},
    {"test %eax, %eax; je; mov", {0x85, 0xc0, 0x74, 0x24, 0xba, 1, 0, 0, 0}, 9, 0, false},
    {"mov -8(%rbp), %rax", {0x48, 0x8b, 0x45, 0xf8}, 4, 0, true},
    {"mov -8(%rbp), %rax, in the frame", {0x48, 0x8b, 0x45, 0xf8}, 4, 16, false},
    {"mov -24(%rbp), %rax, below it", {0x48, 0x8b, 0x45, 0xe8}, 4, 16, true},
    {"mov -24(%rbp), %rax, no frame", {0x48, 0x8b, 0x45, 0xe8}, 4, 4104, false},
    {"mov 8(%rbp), %rax", {0x48, 0x8b, 0x45, 0x08}, 4, 0, false},
    {"cut off before the distance", {0x48, 0x89, 0x7c, 0x24}, 4, 0, false},
    {"mov %rdi, %rsp", {0x48, 0x89, 0xfc}, 3, 0, false},
};

static void accesses_below_the_stack_pointer_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *exact = test_malloc(rows[i].bytes); /* nothing behind it is read */
        for (unsigned k = 0; k < rows[i].bytes; k++)
            exact[k] = rows[i].code[k];
        if (patch_code_uses_red_zone(exact, rows[i].bytes, STACK, STACK + rows[i].frame) !=
            rows[i].red)
            fail_msg("%s: want %d", rows[i].what, rows[i].red);
        test_free(exact);
    }
}

static void a_frame_pointer_below_the_stack_is_none(void **state)
{
    (void)state;
    static const uint8_t code[] = {0x48, 0x8b, 0x45, 0xf8};

    assert_false(patch_code_uses_red_zone(code, sizeof code, STACK, STACK - 8));
    assert_false(patch_code_uses_red_zone(code, 0, STACK, STACK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accesses_below_the_stack_pointer_are_found),
        cmocka_unit_test(a_frame_pointer_below_the_stack_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
