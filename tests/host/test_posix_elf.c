/* Host tests of the loader: dynamic linkers, and defects of ELF files, each held against Linux. */
#include "tests/host/posix_world.h"

#include <stdio.h>

#include "libos-posix/load/elf.h"
#include "tests/host/elf_linux.h"

#define BASE       0x400000u
#define FILE_SIZE  0x1810u
#define CODE       0x200u
#define NAME_AT    0x400u
#define LINKER_END 99
#define MAIN_END   98

/* Code with the headers in it, data with zeros behind, and two more headers. */
struct program {
    struct elf_header header;
    struct elf_program_header headers[4];
    uint8_t rest[FILE_SIZE - 64 - 4 * 56];
};
_Static_assert(sizeof(struct program) == FILE_SIZE, "no holes");

/* A program that ends with `status`, at `base`. */
static struct program program_at(uint64_t base, uint8_t status)
{
    const uint8_t code[] = {0xb8, 60, 0, 0, 0, 0xbf, status, 0, 0, 0, 0x0f, 0x05};
    struct program p = {
        .header = {.ident = ELF_IDENT,
                   .type = base ? 2 : 3,
                   .machine = 62,
                   .version = 1,
                   .entry = base + CODE,
                   .segments = 64,
                   .header_bytes = 64,
                   .segment_bytes = 56,
                   .segment_count = 4},
        .headers = {{1, 5, 0, base, 0, 0x1000, 0x1000, 0x1000},
                    {1, 6, 0x1010, base + 0x2010, 0, 0x800, 0x3000, 0x1000},
                    {0x6474e551, 6, 0, 0, 0, 0, 0, 16}},
    };
    memcpy((uint8_t *)&p + CODE, code, sizeof code);
    return p;
}

static struct program dynamic_program(void)
{
    struct program p = program_at(BASE, MAIN_END);

    p.headers[3] =
        (struct elf_program_header){3, 4, NAME_AT, BASE + NAME_AT, 0, sizeof "linker", 8, 1};
    memcpy((uint8_t *)&p + NAME_AT, "linker", sizeof "linker");
    return p;
}

/* What the folder of the test has beside the program, here and in the core. */
static const struct {
    const char *name;
    uint32_t mode;
    const char *text;
} others[] = {
    {"plain", 0644, "x"},
    {"short", 0755,
     "\x7f"
     "ELF"},
    {"script", 0755,
     "#!/bin/sh\necho this is a script, which is longer than the header of a program is\n"}};
#define OTHERS (sizeof others / sizeof others[0])

static int make_folder(void **state)
{
    (void)state;
    linux_begin();
    linux_folder("dir");
    for (size_t i = 0; i < OTHERS; i++)
        linux_file(others[i].name, others[i].text, strlen(others[i].text), others[i].mode);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < OTHERS; i++)
        linux_remove(others[i].name);
    linux_remove("prog");
    linux_remove("linker");
    linux_remove("dir");
    linux_finish();
    return 0;
}

static struct linux_end run_on_linux(const void *program, size_t bytes, const void *linker)
{
    linux_file("prog", program, bytes, 0755);
    linux_file("linker", linker, linker ? FILE_SIZE : 0, 0755);
    return linux_run("./prog");
}

static long run_on_core(const void *program, size_t bytes, const void *linker,
                        struct posix_start *out)
{
    static const char *const none[] = {"prog", NULL};

    fake_reset();
    fake_archive_add("prog", S_IFREG | 0755, program, bytes);
    fake_archive_add("linker", S_IFREG | 0755, linker, linker ? FILE_SIZE : 0);
    fake_archive_add("dir", S_IFDIR | 0755, NULL, 0);
    for (size_t i = 0; i < OTHERS; i++)
        fake_archive_add(others[i].name, S_IFREG | others[i].mode, others[i].text,
                         strlen(others[i].text));
    fake_archive_end();
    IS(posix_start(), 0);
    return posix_exec(&(struct posix_exec){"prog", none, none + 1}, out);
}

static void auxiliary_get(const struct posix_start *s, uint64_t aux[64])
{
    const uint64_t *w = (const uint64_t *)s->stack + 4; /* one argument, no environment */

    memset(aux, 0, 64 * sizeof aux[0]);
    for (; w[0] != AT_NULL; w += 2) {
        assert_true(w[0] < 64);
        aux[w[0]] = w[1];
    }
}

static void the_linker_begins_in_the_programs_place(void **state)
{
    const struct program program = dynamic_program(), linker = program_at(0, LINKER_END);
    const struct process *p;
    struct posix_start s;
    uint64_t aux[64];

    (void)state;
    IS(run_on_linux(&program, sizeof program, &linker).status, LINKER_END);
    IS(run_on_core(&program, sizeof program, &linker, &s), 0);
    auxiliary_get(&s, aux);
    p = process_current();
    IS(aux[AT_BASE], FAKE_MAP_HIGH - 0x6000);
    IS(s.entry, aux[AT_BASE] + CODE);
    IS(aux[AT_ENTRY], BASE + CODE);
    IS(aux[AT_PHDR], BASE + 64);
    IS(aux[AT_PHNUM], 4);
    assert_string_equal((const char *)aux[AT_PLATFORM], "x86_64");
    assert_memory_equal((const void *)s.entry, (const uint8_t *)&linker + CODE, 12);
    assert_memory_equal((const void *)(vaddr_t)(BASE + CODE), (const uint8_t *)&program + CODE, 12);
    IS(area_find(p, s.entry)->rights, RIGHT_READ | RIGHT_EXEC);
    IS(area_find(p, aux[AT_BASE] + 0x2010)->rights, RIGHT_READ | RIGHT_WRITE);
    IS(SYS(brk, 0), BASE + 0x6000); /* the program's, not the linker's */
    assert_null(area_check(p));
}

static void a_linker_keeps_its_alignment_and_its_own_address(void **state)
{
    const struct program program = dynamic_program();
    struct program linker = program_at(0, LINKER_END);
    struct posix_start s;
    uint64_t aux[64];

    (void)state;
    linker.headers[1].align = 0x200000;
    IS(run_on_core(&program, sizeof program, &linker, &s), 0);
    auxiliary_get(&s, aux);
    IS(aux[AT_BASE] % 0x200000, 0);
    assert_true(aux[AT_BASE] + 0x6000 <= FAKE_MAP_HIGH);
    linker = program_at(0x800000, LINKER_END);
    IS(run_on_core(&program, sizeof program, &linker, &s), 0);
    IS(s.entry, 0x800000 + CODE);
    linker = program_at(BASE + 0x3000, LINKER_END); /* where the program lies */
    IS(run_on_core(&program, sizeof program, &linker, &s), -ENOMEM);
    assert_null(process_current()->areas);
}

static void the_stack_may_be_run_by_who_asks_for_it(void **state)
{
    struct program program = program_at(BASE, MAIN_END);
    struct posix_start s;

    (void)state;
    IS(run_on_core(&program, sizeof program, NULL, &s), 0);
    IS(area_find(process_current(), s.stack)->rights, RIGHT_READ | RIGHT_WRITE);
    program.headers[2].flags = 7;
    IS(run_on_core(&program, sizeof program, NULL, &s), 0);
    IS(area_find(process_current(), s.stack)->rights, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
}

/* A program with one value changed: in its own file, or in the linker's. */
struct row {
    const char *what;
    bool in_linker;
    size_t offset;
    unsigned bytes;
    uint64_t value;
    long want;     /* of the core */
    bool stricter; /* Linux runs it */
};

#define H(field)    offsetof(struct elf_header, field)
#define S(n, field) 64 + (n)*56 + offsetof(struct elf_program_header, field)
static const struct row rows[] = {
    {"nothing", 0, H(ident[9]), 1, 0, 0, 0},
    {"magic", 0, 1, 1, 'F', -ENOEXEC, 0},
    {"32 bits", 0, 4, 1, 1, -ENOEXEC, 1},
    {"big-endian", 0, 5, 1, 2, -ENOEXEC, 1},
    {"version", 0, 6, 1, 9, -ENOEXEC, 1},
    {"relocatable file", 0, H(type), 2, 1, -ENOEXEC, 0},
    {"core file", 0, H(type), 2, 4, -ENOEXEC, 0},
    {"ARM", 0, H(machine), 2, 40, -ENOEXEC, 0},
    {"size of headers", 0, H(segment_bytes), 2, 55, -ENOEXEC, 0},
    {"larger headers", 0, H(segment_bytes), 2, 64, -ENOEXEC, 0},
    {"no header", 0, H(segment_count), 2, 0, -ENOEXEC, 0},
    {"65535 headers", 0, H(segment_count), 2, 0xffff, -ENOEXEC, 0},
    {"headers behind the end", 0, H(segments), 8, FILE_SIZE - 10, -ENOEXEC, 0},
    {"headers far away", 0, H(segments), 8, UINT64_MAX - 5, -ENOEXEC, 0},
    {"nothing to load", 0, S(0, type), 4, 0, -ENOEXEC, 1},
    {"entry at 0", 0, H(entry), 8, 0, -ENOEXEC, 1},
    {"entry in data", 0, H(entry), 8, BASE + 0x2010, -ENOEXEC, 1},
    {"code not to be run", 0, S(0, flags), 4, 4, -ENOEXEC, 1},
    {"code to be written to", 0, S(0, flags), 4, 7, 0, 0},
    {"segment behind the end", 0, S(1, offset), 8, 0x9010, -ENOEXEC, 1},
    {"segment far away", 0, S(1, offset), 8, UINT64_MAX - 0xfef, -ENOEXEC, 0},
    {"more in the file than in memory", 0, S(1, memory_bytes), 8, 0x7ff, -ENOEXEC, 0},
    {"huge in the file", 0, S(1, file_bytes), 8, UINT64_MAX, -ENOEXEC, 0},
    {"huge in memory", 0, S(1, memory_bytes), 8, UINT64_MAX, -ENOEXEC, 0},
    {"2^46 bytes", 0, S(1, memory_bytes), 8, (uint64_t)1 << 46, -ENOMEM, 0},
    {"one over the other", 0, S(1, va), 8, BASE + 0x10, -ENOEXEC, 1},
    {"descending", 0, S(1, va), 8, BASE - 0xfff0, -ENOEXEC, 1},
    {"in the kernel's half", 0, S(1, va), 8, 0xffff800000000010, -ENOEXEC, 0},
    {"alignment of 3", 0, S(1, align), 8, 3, -ENOEXEC, 1},
    {"a stack to be run", 0, S(2, flags), 4, 7, 0, 0},
    {"a name of one byte", 0, S(3, file_bytes), 8, 1, -ENOEXEC, 0},
    {"a name without end", 0, S(3, file_bytes), 8, 6, -ENOEXEC, 0},
    {"a name of 4097 bytes", 0, S(3, file_bytes), 8, 4097, -ENOEXEC, 0},
    {"a name behind the end", 0, S(3, offset), 8, FILE_SIZE - 3, -EIO, 0},
    {"a name far away", 0, S(3, offset), 8, (uint64_t)1 << 40, -EIO, 0},
    {"a linker that is not there", 0, NAME_AT, 6, 0x656e6f6e6e6f, -ENOENT, 0},
    {"in no folder", 0, NAME_AT, 7, 0x782f676f7270, -ENOTDIR, 0}, /* prog/x */
    {"a folder", 0, NAME_AT, 4, 0x726964, -EACCES, 0},
    {"not to be run", 0, NAME_AT, 6, 0x6e69616c70, -EACCES, 0},
    {"four bytes", 0, NAME_AT, 6, 0x74726f6873, -EIO, 0},
    {"a script", 0, NAME_AT, 7, 0x747069726373, -ELIBBAD, 0},
    {"the linker's magic", 1, 1, 1, 'F', -ELIBBAD, 0},
    {"the linker's machine", 1, H(machine), 2, 40, -ELIBBAD, 0},
    {"the linker's headers", 1, H(segment_count), 2, 0, -ELIBBAD, 0},
    {"the linker's size of headers", 1, H(segment_bytes), 2, 57, -ELIBBAD, 0},
    {"the linker's headers far away", 1, H(segments), 8, (uint64_t)1 << 40, -ELIBBAD, 0},
    {"the linker's segment", 1, S(1, memory_bytes), 8, 1, -ELIBBAD, 0},
    {"the linker's type", 1, H(type), 2, 1, -ELIBBAD, 0},
};
#undef H
#undef S

/* An error of Linux is the core's too. What Linux begins to load and then kills is refused by the
 * core before the old program is gone; what Linux runs, the core runs, or is said to be stricter.
 */
static void compare(const char *what, long core, bool stricter, const struct linux_end *end)
{
    bool same = end->error                      ? core == -end->error
                : end->status >= 0 && !stricter ? core == 0
                                                : core < 0;

    if (!same)
        fail_msg("%s: core %ld, Linux error %d, status %d", what, core, end->error, end->status);
}

static void defects_give_what_linux_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct program program = dynamic_program(), linker = program_at(0, LINKER_END);
        uint8_t *file = (uint8_t *)(rows[i].in_linker ? &linker : &program);
        struct posix_start s;
        memcpy(file + rows[i].offset, &rows[i].value, rows[i].bytes);
        struct linux_end end = run_on_linux(&program, sizeof program, &linker);
        long core = run_on_core(&program, sizeof program, &linker, &s);
        compare(rows[i].what, core, rows[i].stricter, &end);
        if (core != rows[i].want)
            fail_msg("%s: core %ld, not %ld", rows[i].what, core, rows[i].want);
        if (core)
            assert_null(process_current()->areas);
    }
}

static void programs_cut_short_give_what_linux_gives(void **state)
{
    const struct program program = dynamic_program(), linker = program_at(0, LINKER_END);
    static const size_t sizes[] = {
        0, 1, 3, 4, 16, 63, 64, 65, 119, 120, 175, 64 + 4 * 56 - 1, NAME_AT, NAME_AT + 6, 0x1010};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct posix_start s;
        struct linux_end end = run_on_linux(&program, sizes[i], &linker);
        long core = run_on_core(&program, sizes[i], &linker, &s);
        char what[32];
        snprintf(what, sizeof what, "%zu bytes", sizes[i]);
        if (!end.error || core != -ENOEXEC) /* a missing segment is found before a missing name */
            compare(what, core, end.status >= 0, &end);
    }
}

static void random_bytes_never_break_the_loader(void **state)
{
    uint32_t random = 11;

    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct program program = dynamic_program(), linker = program_at(0, LINKER_END);
        struct posix_start s;
        for (int i = 0; i < 4; i++) {
            random = random * 1664525 + 1013904223;
            uint8_t *file = (uint8_t *)(random & 1 ? &program : &linker);
            file[(random >> 16) % (i & 1 ? 64 + 4 * 56 : NAME_AT + 8)] = (uint8_t)(random >> 8);
        }
        long e = run_on_core(&program, sizeof program, &linker, &s);
        assert_null(area_check(process_current()));
        if (e)
            assert_null(process_current()->areas);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_linker_begins_in_the_programs_place),
        cmocka_unit_test(a_linker_keeps_its_alignment_and_its_own_address),
        cmocka_unit_test(the_stack_may_be_run_by_who_asks_for_it),
        cmocka_unit_test(defects_give_what_linux_gives),
        cmocka_unit_test(programs_cut_short_give_what_linux_gives),
        cmocka_unit_test(random_bytes_never_break_the_loader),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
