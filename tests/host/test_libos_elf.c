/* libos/elf.c: a good program is read, each defect is refused, and noise never leads it astray. */
#include "tests/host/host.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "libos/elf.h"

#define CODE 0x400000u
#define DATA 0x402000u

/* A file with two segments: code of 0x100 bytes, data of 0x20 bytes with 0x1fe0 of zeroes. The
 * second begins inside its page. */
struct file {
    Elf64_Ehdr h;
    Elf64_Phdr p[2];
    uint8_t code[0x100];
    uint8_t data[0x20];
};

static struct file good(void)
{
    struct file f = {
        .h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
              .e_type = ET_EXEC,
              .e_machine = EM_X86_64,
              .e_entry = CODE + 0x10,
              .e_phoff = sizeof(Elf64_Ehdr),
              .e_phentsize = sizeof(Elf64_Phdr),
              .e_phnum = 2},
        .p = {{.p_type = PT_LOAD,
               .p_flags = PF_R | PF_X,
               .p_offset = offsetof(struct file, code),
               .p_vaddr = CODE,
               .p_filesz = sizeof f.code,
               .p_memsz = sizeof f.code},
              {.p_type = PT_LOAD,
               .p_flags = PF_R | PF_W,
               .p_offset = offsetof(struct file, data),
               .p_vaddr = DATA + 0x20,
               .p_filesz = sizeof f.data,
               .p_memsz = 0x2000}},
    };

    memset(f.code, 0xcc, sizeof f.code);
    memset(f.data, 0xdd, sizeof f.data);
    return f;
}

static void a_good_program_is_read(void **state)
{
    struct file f = good();
    struct elf_program p;
    uint8_t page[4096] = {0};

    (void)state;
    assert_int_equal(elf_read(&f, sizeof f, &p), ERR_OK);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.entry, CODE + 0x10);
    assert_int_equal(p.low, CODE);
    assert_int_equal(p.high, DATA + 0x3000);
    assert_false(p.movable);
    assert_false(p.interpreted);
    assert_true(elf_is_separated(&p));
    assert_int_equal(elf_page_rights(&p, CODE), RIGHT_READ | RIGHT_EXEC);
    assert_int_equal(elf_page_rights(&p, CODE + 0x1000), 0);
    assert_int_equal(elf_page_rights(&p, DATA + 0x2000), RIGHT_READ | RIGHT_WRITE);
    elf_fill_page(&p, &f, DATA, page);
    assert_int_equal(page[0x1f], 0);
    assert_int_equal(page[0x20], 0xdd);
    assert_int_equal(page[0x3f], 0xdd);
    assert_int_equal(page[0x40], 0);
    memset(page, 0, sizeof page);
    elf_fill_page(&p, &f, DATA + 0x1000, page);
    for (unsigned i = 0; i < sizeof page; i++)
        assert_int_equal(page[i], 0);
}

static void refuse(const struct file *f, size_t length)
{
    struct elf_program p;

    assert_int_equal(elf_read(f, length, &p), ERR_BAD_ARG);
}

static void every_defect_is_refused(void **state)
{
    struct file f;

    (void)state;
#define DEFECT(change)                                                                             \
    do {                                                                                           \
        f = good();                                                                                \
        change;                                                                                    \
        refuse(&f, sizeof f);                                                                      \
    } while (0)
    DEFECT(f.h.e_ident[0] = 0);
    DEFECT(f.h.e_ident[EI_CLASS] = ELFCLASS32);
    DEFECT(f.h.e_ident[EI_DATA] = ELFDATA2MSB);
    DEFECT(f.h.e_machine = EM_AARCH64);
    DEFECT(f.h.e_type = ET_REL);
    DEFECT(f.h.e_phentsize = 32);
    DEFECT(f.h.e_phoff = sizeof f);
    DEFECT(f.h.e_phoff = UINT64_MAX);
    DEFECT(f.h.e_phnum = 60);
    DEFECT(f.h.e_phnum = 0);
    DEFECT(f.h.e_entry = DATA + 0x20);
    DEFECT(f.h.e_entry = CODE - 1);
    DEFECT(f.p[1].p_offset = sizeof f - 1);
    DEFECT(f.p[1].p_offset = UINT64_MAX);
    DEFECT(f.p[1].p_filesz = UINT64_MAX);
    DEFECT(f.p[1].p_memsz = f.p[1].p_filesz - 1);
    DEFECT(f.p[1].p_memsz = UINT64_MAX);
    DEFECT(f.p[1].p_vaddr = USER_TOP);
    DEFECT(f.p[1].p_vaddr = UINT64_MAX - 10);
    DEFECT(f.p[1].p_vaddr = CODE + 0xff);
    f = good();
    refuse(&f, sizeof f - 1);
    refuse(&f, sizeof f.h + 1);
    refuse(&f, 10);
    refuse(&f, 0);
}

static void pages_with_code_and_data_are_seen(void **state)
{
    struct file f = good();
    struct elf_program p;

    (void)state;
    f.p[1].p_vaddr = CODE + 0x800; /* in the page of the code */
    assert_int_equal(elf_read(&f, sizeof f, &p), ERR_OK);
    assert_false(elf_is_separated(&p));
    f = good();
    f.p[0].p_flags |= PF_W;
    assert_int_equal(elf_read(&f, sizeof f, &p), ERR_OK);
    assert_false(elf_is_separated(&p));
}

static void too_many_segments_are_refused(void **state)
{
    struct {
        Elf64_Ehdr h;
        Elf64_Phdr p[ELF_SEGMENTS_MAX + 1];
    } f = {.h = good().h};
    struct elf_program p;

    (void)state;
    for (unsigned i = 0; i <= ELF_SEGMENTS_MAX; i++)
        f.p[i] = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_flags = PF_R | PF_X,
                              .p_vaddr = CODE + i * 0x1000,
                              .p_memsz = 0x1000};
    f.h.e_phnum = ELF_SEGMENTS_MAX;
    assert_int_equal(elf_read(&f, sizeof f, &p), ERR_OK);
    f.h.e_phnum = ELF_SEGMENTS_MAX + 1;
    assert_int_equal(elf_read(&f, sizeof f, &p), ERR_BAD_ARG);
}

/* The sanitizers say whether it reads or writes where it must not. */
/* Two notes in one segment; the second is ours. */
struct noted {
    Elf64_Ehdr h;
    Elf64_Phdr p[1];
    uint32_t first[3];
    char owner[4], description[8];
    uint32_t second[3];
    char name[8];
};

static void notes_are_found(void **state)
{
    struct noted f = {
        .h = good().h, .first = {4, 7, 1}, .owner = "GNU", .second = {5, 0, 1}, .name = "exo4"};

    (void)state;
    f.h.e_phnum = 1;
    f.p[0] = (Elf64_Phdr){.p_type = PT_NOTE,
                          .p_offset = offsetof(struct noted, first),
                          .p_filesz = sizeof f - offsetof(struct noted, first)};
    assert_true(elf_has_note(&f, sizeof f, "exo4", 1));
    assert_true(elf_has_note(&f, sizeof f, "GNU", 1));
    assert_false(elf_has_note(&f, sizeof f, "exo4", 2));
    assert_false(elf_has_note(&f, sizeof f, "exo", 1));
    assert_false(elf_has_note(&f, sizeof f - 1, "exo4", 1)); /* cut short */
    f.first[1] = UINT32_MAX;                                 /* leads outside */
    assert_false(elf_has_note(&f, sizeof f, "exo4", 1));
    f.first[1] = 7;
    f.p[0].p_type = PT_LOAD;
    assert_false(elf_has_note(&f, sizeof f, "exo4", 1));
    assert_false(elf_has_note("#!/bin/sh\n", 10, "exo4", 1));
}

static void noise_never_leads_outside_the_file(void **state)
{
    (void)state;
    srand(4);
    for (unsigned round = 0; round < 200000; round++) {
        size_t length =
            sizeof(struct file) - (rand() % 4 ? 0 : (size_t)rand() % sizeof(struct file));
        struct file f = good();
        uint8_t *bytes = malloc(length), page[4096] = {0};
        struct elf_program p;
        for (unsigned i = 0; i < 1 + (unsigned)rand() % 3; i++)
            ((uint8_t *)&f)[(size_t)rand() % offsetof(struct file, code)] = (uint8_t)rand();
        memcpy(bytes, &f, length);
        if (elf_read(bytes, length, &p) == ERR_OK) {
            elf_is_separated(&p);
            elf_fill_page(&p, bytes, p.segments[0].va & ~4095ul, page);
            elf_fill_page(&p, bytes, (p.high - 4096) & ~4095ul, page);
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_program_is_read),
        cmocka_unit_test(every_defect_is_refused),
        cmocka_unit_test(pages_with_code_and_data_are_seen),
        cmocka_unit_test(too_many_segments_are_refused),
        cmocka_unit_test(notes_are_found),
        cmocka_unit_test(noise_never_leads_outside_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
