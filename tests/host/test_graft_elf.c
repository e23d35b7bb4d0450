/* Host tests of grafts/elf.c: a good object, each way to be bad, every truncation, random damage.
 */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "grafts/checker.h"
#include "grafts/elf.h"
#include "tests/host/graft_asm.h"

#define SECTIONS    7u
#define SECTION_AT  256u /* where the section table stands */
#define IMAGE_BYTES (SECTION_AT + SECTIONS * 64u)
#define CODE_AT     64u
#define NAMES_AT    88u
#define BTF_AT      136u
#define LINES_AT    168u

/* Section numbers in the object that is built here. */
enum { S_NULL, S_FILTER, S_NAMES, S_BTF, S_TEXT, S_LINES, S_REL };

static const char names[] = "\0filter\0.strtab\0.BTF\0.text\0.BTF.ext\0.rel";
static const struct insn code[] = {SET(0, 1), SET(0, 2), EXIT};

static void put(uint8_t *image, size_t at, uint64_t value, size_t bytes)
{
    memcpy(image + at, &value, bytes); /* little-endian, as the machines that run tests */
}

static size_t section(unsigned number)
{
    return SECTION_AT + number * 64u;
}

static uint32_t name_of(const char *name)
{
    for (uint32_t i = 1; i < sizeof names; i++)
        if (!strcmp(names + i, name))
            return i;
    return 0;
}

static void put_section(uint8_t *image, unsigned number, const char *name, uint32_t type,
                        uint64_t flags, uint64_t at, uint64_t bytes)
{
    put(image, section(number), name_of(name), 4);
    put(image, section(number) + 4, type, 4);
    put(image, section(number) + 8, flags, 8);
    put(image, section(number) + 24, at, 8);
    put(image, section(number) + 32, bytes, 8);
}

/* .BTF with the string "filter"; .BTF.ext with two records: line 10 from slot 0, 12 from slot 2. */
static void put_lines(uint8_t *image)
{
    static const uint32_t btf[] = {0x1eb9f, 24, 0, 0, 0, 8};
    static const uint32_t ext[] = {
        0x1eb9f, 24, 0, 0, 0, 44, 16, 1, 2, 0, 0, 0, 10u << 10 | 5, 16, 0, 0, 12u << 10 | 1};

    memcpy(image + BTF_AT, btf, sizeof btf);
    memcpy(image + BTF_AT + sizeof btf, "\0filter", 8);
    memcpy(image + LINES_AT, ext, sizeof ext);
    put_section(image, S_BTF, ".BTF", 1, 0, BTF_AT, sizeof btf + 8);
    put_section(image, S_LINES, ".BTF.ext", 1, 0, LINES_AT, sizeof ext);
}

/* What clang makes of a small filter, in the least bytes. */
static uint8_t *build(void)
{
    uint8_t *image = aligned_alloc(8, IMAGE_BYTES);

    assert_non_null(image);
    memset(image, 0, IMAGE_BYTES);
    memcpy(image, "\177ELF\2\1\1", 7);
    put(image, 16, 1, 2);          /* relocatable */
    put(image, 18, 247, 2);        /* eBPF */
    put(image, 20, 1, 4);          /* version */
    put(image, 40, SECTION_AT, 8); /* section table */
    put(image, 52, 64, 2);         /* header bytes */
    put(image, 58, 64, 2);         /* section header bytes */
    put(image, 60, SECTIONS, 2);
    put(image, 62, S_NAMES, 2);
    memcpy(image + CODE_AT, code, sizeof code);
    memcpy(image + NAMES_AT, names, sizeof names);
    put_section(image, S_FILTER, "filter", 1, 6, CODE_AT, sizeof code);
    put_section(image, S_NAMES, ".strtab", 3, 0, NAMES_AT, sizeof names);
    put_section(image, S_TEXT, ".text", 1, 6, CODE_AT, 0);
    put_section(image, S_REL, ".rel", 9, 0, CODE_AT, 0);
    put(image, section(S_REL) + 44, S_FILTER, 4);
    put_lines(image);
    return image;
}
_Static_assert(NAMES_AT + sizeof names <= BTF_AT && LINES_AT + 68 <= SECTION_AT, "parts are apart");

static void a_good_object_is_read(void **state)
{
    uint8_t *image = build();
    struct graft_code found;
    (void)state;

    assert_int_equal(graft_elf_find(image, IMAGE_BYTES, NULL, &found), GRAFT_ACCEPTED);
    assert_int_equal(found.count, 3);
    assert_ptr_equal(found.insns, image + CODE_AT);
    assert_int_equal(graft_elf_find(image, IMAGE_BYTES, "filter", &found), GRAFT_ACCEPTED);
    assert_int_equal(graft_elf_line(image, IMAGE_BYTES, &found, 0), 10);
    assert_int_equal(graft_elf_line(image, IMAGE_BYTES, &found, 1), 10);
    assert_int_equal(graft_elf_line(image, IMAGE_BYTES, &found, 2), 12);
    free(image);
}

/* One field changed: what it is, and what the loader must say. */
struct damage {
    size_t at, bytes;
    uint64_t value;
    enum graft_reason reason;
    const char *name;
};

static void each_damage_has_its_reason(void **state)
{
    static const struct damage damages[] = {
        {0, 1, 'E', GRAFT_ELF_FORMAT, NULL},
        {4, 1, 1, GRAFT_ELF_FORMAT, NULL}, /* 32 bits */
        {5, 1, 2, GRAFT_ELF_FORMAT, NULL}, /* big-endian */
        {6, 1, 0, GRAFT_ELF_FORMAT, NULL},
        {16, 2, 2, GRAFT_ELF_FORMAT, NULL},   /* executable */
        {18, 2, 62, GRAFT_ELF_MACHINE, NULL}, /* x86-64 */
        {40, 8, UINT64_MAX - 7, GRAFT_ELF_TRUNCATED, NULL},
        {40, 8, SECTION_AT + 8, GRAFT_ELF_TRUNCATED, NULL},
        {40, 8, SECTION_AT + 1, GRAFT_ELF_SECTION, NULL},
        {52, 2, 63, GRAFT_ELF_FORMAT, NULL},
        {58, 2, 40, GRAFT_ELF_SECTION, NULL},
        {60, 2, 0, GRAFT_ELF_SECTION, NULL},
        {60, 2, 0xffff, GRAFT_ELF_TRUNCATED, NULL},
        {62, 2, SECTIONS, GRAFT_ELF_SECTION, NULL},
        {62, 2, S_FILTER, GRAFT_ELF_SECTION, NULL}, /* names that are no string table */
        {SECTION_AT + S_NAMES * 64 + 32, 8, UINT64_MAX, GRAFT_ELF_TRUNCATED, NULL},
        {SECTION_AT + S_NAMES * 64 + 24, 8, UINT64_MAX, GRAFT_ELF_TRUNCATED, NULL},
        {SECTION_AT + S_FILTER * 64 + 24, 8, UINT64_MAX - 7, GRAFT_ELF_TRUNCATED, NULL},
        {SECTION_AT + S_FILTER * 64 + 32, 8, UINT64_MAX - 7, GRAFT_ELF_TRUNCATED, NULL},
        {SECTION_AT + S_FILTER * 64 + 32, 8, 23, GRAFT_ELF_ALIGNMENT, NULL},
        {SECTION_AT + S_FILTER * 64 + 24, 8, CODE_AT + 4, GRAFT_ELF_ALIGNMENT, NULL},
        {SECTION_AT + S_FILTER * 64 + 24, 8, 40, GRAFT_ELF_OVERLAP, NULL},
        {SECTION_AT + S_FILTER * 64 + 24, 8, SECTION_AT - 8, GRAFT_ELF_OVERLAP, NULL},
        {SECTION_AT + S_FILTER * 64 + 4, 4, 8, GRAFT_ELF_NO_PROGRAM, NULL}, /* no bytes in file */
        {SECTION_AT + S_FILTER * 64 + 8, 8, 2, GRAFT_ELF_NO_PROGRAM, NULL}, /* not executable */
        {SECTION_AT + S_FILTER * 64, 4, UINT32_MAX, GRAFT_ELF_NO_PROGRAM, "filter"},
        {SECTION_AT + S_FILTER * 64, 4, 2, GRAFT_ELF_NO_PROGRAM, "filter"}, /* "ilter" */
        {SECTION_AT + S_TEXT * 64 + 32, 8, 8, GRAFT_ELF_AMBIGUOUS, NULL},
        {SECTION_AT + S_TEXT * 64 + 32, 8, 8, GRAFT_ACCEPTED, "filter"},
        {SECTION_AT + S_REL * 64 + 32, 8, 16, GRAFT_ELF_RELOCATION, NULL},
        {0, 1, 0x7f, GRAFT_ELF_NO_PROGRAM, ".text"}, /* undamaged; the section is empty */
        {0, 1, 0x7f, GRAFT_ELF_NO_PROGRAM, "filte"},
        {0, 1, 0x7f, GRAFT_ELF_NO_PROGRAM, "filters"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const struct damage *d = &damages[i];
        uint8_t *image = build();
        struct graft_code found;
        put(image, d->at, d->value, d->bytes);
        enum graft_reason reason = graft_elf_find(image, IMAGE_BYTES, d->name, &found);
        if (reason != d->reason)
            fail_msg("damage %zu at %zu: got %u (%s), want %u", i, d->at, reason,
                     graft_reason_text(reason), d->reason);
        free(image);
    }
}

static void a_program_too_long_is_refused(void **state)
{
    size_t bytes = IMAGE_BYTES + (GRAFT_MAX_INSTRUCTIONS + 1) * 8;
    uint8_t *small = build(), *image = aligned_alloc(8, bytes);
    struct graft_code found;
    (void)state;

    assert_non_null(image);
    memset(image, 0, bytes);
    memcpy(image, small, IMAGE_BYTES);
    put(image, section(S_FILTER) + 24, IMAGE_BYTES, 8);
    put(image, section(S_FILTER) + 32, GRAFT_MAX_INSTRUCTIONS * 8, 8);
    assert_int_equal(graft_elf_find(image, bytes, NULL, &found), GRAFT_ACCEPTED);
    put(image, section(S_FILTER) + 32, GRAFT_MAX_INSTRUCTIONS * 8 + 8, 8);
    assert_int_equal(graft_elf_find(image, bytes, NULL, &found), GRAFT_TOO_LONG);
    free(small);
    free(image);
}

/* Reads all that the loader hands out, so that the sanitizers see a pointer that is wrong. */
static void use(const uint8_t *image, size_t bytes, const char *name)
{
    struct graft_code found;
    volatile uint32_t sum = 0;

    if (graft_elf_find(image, bytes, name, &found) != GRAFT_ACCEPTED)
        return;
    assert_true((const uint8_t *)found.insns >= image);
    assert_true((const uint8_t *)(found.insns + found.count) <= image + bytes);
    for (uint32_t i = 0; i < found.count; i++)
        sum += found.insns[i].opcode + graft_elf_line(image, bytes, &found, i);
}

/* A copy of exactly `bytes`, so that one byte more is out of bounds. */
static uint8_t *copy(const uint8_t *image, size_t bytes)
{
    uint8_t *p = malloc(bytes ? bytes : 1);

    assert_non_null(p);
    memcpy(p, image, bytes);
    return p;
}

static void no_truncation_is_read_past(void **state)
{
    uint8_t *image = build();
    struct graft_code found;
    (void)state;

    for (size_t bytes = 0; bytes < IMAGE_BYTES; bytes++) {
        uint8_t *cut = copy(image, bytes);
        assert_int_equal(graft_elf_find(cut, bytes, NULL, &found), GRAFT_ELF_TRUNCATED);
        free(cut);
    }
    free(image);
}

static void no_damage_is_read_past(void **state)
{
    static const uint64_t values[] = {0, 1, 7, 8, 0xff, 0xfff8, 0xfffffff8, UINT64_MAX - 7};
    uint8_t *image = build();
    uint64_t seed = 12345;
    (void)state;

    for (unsigned round = 0; round < 60000; round++) {
        uint8_t *bad = copy(image, IMAGE_BYTES);
        for (unsigned hits = 1 + round % 3; hits > 0; hits--) {
            uint64_t r = asm_random(&seed);
            size_t at = (size_t)(r >> 8) % (IMAGE_BYTES - 8);
            if (r & 1)
                bad[at] = (uint8_t)(r >> 56);
            else
                put(bad, at & ~(size_t)3, values[(r >> 1) % 8], r & 16 ? 4 : 8);
        }
        use(bad, IMAGE_BYTES, round & 1 ? "filter" : NULL);
        free(bad);
    }
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_object_is_read),
        cmocka_unit_test(each_damage_has_its_reason),
        cmocka_unit_test(a_program_too_long_is_refused),
        cmocka_unit_test(no_truncation_is_read_past),
        cmocka_unit_test(no_damage_is_read_past),
    };
    return cmocka_run_group_tests_name("grafts/elf", tests, NULL, NULL);
}
