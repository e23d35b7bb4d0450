/* Host tests of the loader: what it refuses, where it puts things, what the program finds. */
#include "tests/host/posix_world.h"

#include <fcntl.h>
#include <unistd.h>

#include "libos-posix/load/elf.h"
#include "libos-posix/way/way_trampoline.h"

#define BASE      0x400000u
#define FILE_SIZE 0x1800u

/* A program of two segments: code with the headers in it, and data with zeros behind. */
struct program {
    struct elf_header header;
    struct elf_program_header headers[3];
    uint8_t rest[FILE_SIZE - 64 - 3 * 56];
};
_Static_assert(sizeof(struct program) == FILE_SIZE, "no holes");

static struct program good_program(void)
{
    struct program p = {
        .header = {.ident = ELF_IDENT,
                   .type = 2,
                   .machine = 62,
                   .version = 1,
                   .entry = BASE + 0x200,
                   .segments = 64,
                   .header_bytes = 64,
                   .segment_bytes = 56,
                   .segment_count = 3},
        .headers = {{1, 5, 0, BASE, BASE, 0x1000, 0x1000, 0x1000},
                    {1, 6, 0x1000, BASE + 0x2010, 0, 0x800, 0x3000, 0x1000},
                    {0x6474e551, 6, 0, 0, 0, 0, 0, 16}},
    };
    memset(p.rest, 0xc3, sizeof p.rest);
    return p;
}

static void start_with(const void *program, size_t bytes)
{
    fake_reset();
    fake_archive_add("prog", S_IFREG | 0755, program, bytes);
    fake_archive_add("plain", S_IFREG | 0644, "x", 1);
    fake_archive_add("script", S_IFREG | 0755, "#! /prog  an arg \necho\n", 23);
    fake_archive_add("script2", S_IFREG | 0755, "#!/script", 9);
    fake_archive_add("self", S_IFREG | 0755, "#!/self\n", 8);
    fake_archive_add("empty", S_IFREG | 0755, NULL, 0);
    fake_archive_add("hashes", S_IFREG | 0755, "#!  \n", 5);
    fake_archive_add("link", S_IFLNK | 0777, "prog", 4);
    fake_archive_end();
    IS(posix_start(), 0);
}

static long run(const char *path, struct posix_start *out)
{
    static const char *const argv[] = {"name", "one", "", NULL};
    static const char *const envp[] = {"A=1", "B=2", NULL};
    return posix_exec(&(struct posix_exec){path, argv, envp}, out);
}

static int set_up(void **state)
{
    struct program p = good_program();

    (void)state;
    start_with(&p, sizeof p);
    return 0;
}

static void a_good_program_is_mapped_with_its_rights(void **state)
{
    struct posix_start s;
    struct process *p = process_current();

    (void)state;
    IS(run("/prog", &s), 0);
    IS(s.entry, BASE + 0x200);
    IS(*(uint8_t *)(vaddr_t)(BASE + 0x200), 0xc3);
    IS(*(uint8_t *)(vaddr_t)(BASE + 0x2010), 0xc3);
    IS(*(uint8_t *)(vaddr_t)(BASE + 0x2010 + 0x7ff), 0xc3);
    IS(*(uint8_t *)(vaddr_t)(BASE + 0x2010 + 0x800), 0);
    IS(*(uint8_t *)(vaddr_t)(BASE + 0x500f), 0);
    IS(area_find(p, BASE)->rights, RIGHT_READ | RIGHT_EXEC);
    IS(area_find(p, BASE + 0x2010)->rights, RIGHT_READ | RIGHT_WRITE);
    IS(SYS(brk, 0), BASE + 0x6000);
    IS(SYS(brk, BASE + 0x7000), BASE + 0x7000);
    *(uint8_t *)(vaddr_t)(BASE + 0x6fff) = 1;
}

static void the_stack_tells_arguments_environment_and_facts(void **state)
{
    struct posix_start s;
    uint64_t aux[64] = {0};

    (void)state;
    IS(run("/prog", &s), 0);
    IS(s.stack % 16, 0);
    const uint64_t *w = (const uint64_t *)s.stack;
    IS(w[0], 3);
    assert_string_equal((const char *)w[1], "name");
    assert_string_equal((const char *)w[2], "one");
    assert_string_equal((const char *)w[3], "");
    IS(w[4], 0);
    assert_string_equal((const char *)w[5], "A=1");
    assert_string_equal((const char *)w[6], "B=2");
    IS(w[7], 0);
    for (w += 8; w[0] != AT_NULL; w += 2) {
        assert_true(w[0] < 64);
        aux[w[0]] = w[1];
    }
    IS(aux[AT_PHDR], BASE + 64);
    IS(aux[AT_PHENT], 56);
    IS(aux[AT_PHNUM], 3);
    IS(aux[AT_PAGESZ], 4096);
    IS(aux[AT_ENTRY], BASE + 0x200);
    IS(aux[AT_BASE], 0);
    IS(aux[AT_SECURE], 0);
    IS(aux[AT_CLKTCK], 100);
    IS(aux[33], 0); /* AT_SYSINFO_EHDR: there is no vDSO */
    assert_string_equal((const char *)aux[AT_EXECFN], "/prog");
    assert_true(area_extent(process_current(), aux[AT_RANDOM], RIGHT_READ) >= 16);
    assert_true((const uint64_t *)aux[AT_RANDOM] > w);
    IS(area_find(process_current(), s.stack - (8 << 20) - 1)->rights, 0); /* a guard below */
}

static void the_process_is_named_after_the_program(void **state)
{
    struct posix_start s;
    char *to;

    (void)state;
    IS(run("link", &s), 0);
    to = (char *)SYS(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(to, "/proc/self/exe");
    IS(SYS(readlink, to, to + 100, 100), 5);
    assert_memory_equal(to + 100, "/prog", 5);
    IS(SYS(open, to, O_RDONLY), 3);
    strcpy(to, "/proc/self/cmdline");
    IS(SYS(open, to, O_RDONLY), 4);
    IS(SYS(read, 4, to, 100), 10);
    assert_memory_equal(to, "name\0one\0", 10);
}

static void a_relocatable_program_is_moved(void **state)
{
    struct program p = good_program();
    struct posix_start s;

    (void)state;
    p.header.type = 3;
    p.header.entry = 0x200;
    p.headers[0].va = 0;
    p.headers[1].va = 0x2010;
    p.headers[1].align = 0x200000;
    start_with(&p, sizeof p);
    IS(run("/prog", &s), 0);
    IS(s.entry, FAKE_MAP_LOW + 0x200);
    IS(*(uint8_t *)s.entry, 0xc3);
    IS(SYS(brk, 0), FAKE_MAP_LOW + 0x6000);
}

static void scripts_run_their_interpreter(void **state)
{
    struct posix_start s;

    (void)state;
    IS(run("/script", &s), 0);
    const uint64_t *w = (const uint64_t *)s.stack;
    IS(w[0], 5);
    assert_string_equal((const char *)w[1], "/prog");
    assert_string_equal((const char *)w[2], "an arg");
    assert_string_equal((const char *)w[3], "/script");
    assert_string_equal((const char *)w[4], "one");
    assert_string_equal((const char *)w[5], "");
}

static void a_script_of_a_script_is_unfolded(void **state)
{
    struct posix_start s;

    (void)state;
    IS(run("/script2", &s), 0);
    const uint64_t *w = (const uint64_t *)s.stack;
    IS(w[0], 6);
    assert_string_equal((const char *)w[3], "/script");
    assert_string_equal((const char *)w[4], "/script2");
    assert_string_equal((const char *)w[5], "one");
}

static void what_is_no_program_is_refused(void **state)
{
    struct posix_start s;

    (void)state;
    IS(run("/missing", &s), -ENOENT);
    IS(run("/plain", &s), -EACCES);
    IS(run("/dev", &s), -EACCES);
    IS(run("/dev/null", &s), -EACCES);
    IS(run("/proc/meminfo", &s), -EACCES);
    IS(run("/empty", &s), -ENOEXEC);
    IS(run("/hashes", &s), -ENOEXEC);
    IS(run("/self", &s), -ELOOP);
    IS(run("/prog/x", &s), -ENOTDIR);
    assert_null(process_current()->areas);
}

/* One row per way in which a header can be wrong. */
static void wrong_headers_are_refused(void **state)
{
    static const struct {
        size_t offset;
        unsigned bytes;
        uint64_t value;
        long want;
    } rows[] = {
#define H(field)    offsetof(struct elf_header, field)
#define S(n, field) 64 + (n)*56 + offsetof(struct elf_program_header, field)
        {0, 1, 0x7e, -ENOEXEC},
        {4, 1, 1, -ENOEXEC}, /* 32 bits */
        {5, 1, 2, -ENOEXEC}, /* big-endian */
        {H(type), 2, 1, -ENOEXEC},
        {H(machine), 2, 40, -ENOEXEC},
        {H(segment_bytes), 2, 55, -ENOEXEC},
        {H(segment_count), 2, 0, -ENOEXEC},
        {H(segment_count), 2, 65, -ENOEXEC},
        {H(segment_count), 2, 0xffff, -ENOEXEC},
        {H(segments), 8, FILE_SIZE - 10, -ENOEXEC},
        {H(segments), 8, UINT64_MAX - 5, -ENOEXEC},
        {H(entry), 8, 0, -ENOEXEC},
        {H(entry), 8, BASE + 0x1000, -ENOEXEC},
        {H(entry), 8, BASE + 0x2010, -ENOEXEC}, /* data */
        {S(0, type), 4, 3, -ENOEXEC},           /* wants a dynamic linker */
        {S(0, type), 4, 0, -ENOEXEC},
        {S(0, flags), 4, 4, -ENOEXEC}, /* the entry is not executable */
        {S(1, offset), 8, FILE_SIZE, -ENOEXEC},
        {S(1, offset), 8, UINT64_MAX - 0x100, -ENOEXEC},
        {S(1, file_bytes), 8, 0x801, -ENOEXEC},
        {S(1, file_bytes), 8, UINT64_MAX, -ENOEXEC},
        {S(1, memory_bytes), 8, 0x7ff, -ENOEXEC},
        {S(1, memory_bytes), 8, UINT64_MAX, -ENOEXEC},
        {S(1, memory_bytes), 8, (uint64_t)1 << 46, -ENOMEM},
        {S(1, memory_bytes), 8, (uint64_t)1 << 40, -ENOMEM},
        {S(1, va), 8, BASE + 0x800, -ENOEXEC}, /* over the first */
        {S(1, va), 8, BASE - 0x10000, -ENOEXEC},
        {S(1, va), 8, UINT64_MAX - 0x1000, -ENOEXEC},
        {S(1, va), 8, FAKE_CORE_LOW, -ENOMEM},
        {S(1, va), 8, FAKE_MAP_HIGH - 0x1000, -ENOMEM},
        {S(1, align), 8, 3, -ENOEXEC},
        {S(1, align), 8, (uint64_t)1 << 62, -ENOEXEC},
#undef H
#undef S
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct program p = good_program();
        struct posix_start s;
        memcpy((uint8_t *)&p + rows[i].offset, &rows[i].value, rows[i].bytes);
        start_with(&p, sizeof p);
        size_t mapped = fake.mapped_bytes;
        if (run("/prog", &s) != rows[i].want)
            fail_msg("row %zu: %ld", i, run("/prog", &s));
        assert_null(process_current()->areas);
        IS(fake.mapped_bytes, mapped);
    }
}

static void every_truncation_is_survived(void **state)
{
    struct program p = good_program();

    (void)state;
    for (size_t bytes = 0; bytes < sizeof p; bytes += bytes < 300 ? 1 : 97) {
        struct posix_start s;
        start_with(&p, bytes);
        IS(run("/prog", &s), -ENOEXEC);
        assert_null(process_current()->areas);
    }
}

static void random_headers_never_break_the_loader(void **state)
{
    uint32_t random = 7;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct program p = good_program();
        struct posix_start s;
        for (int i = 0; i < 3; i++) {
            random = random * 1664525 + 1013904223;
            ((uint8_t *)&p)[(random >> 16) % 232] = (uint8_t)(random >> 8);
        }
        start_with(&p, sizeof p);
        run("/prog", &s);
        assert_null(area_check(process_current()));
    }
}

static void too_many_arguments_and_too_little_memory_are_errors(void **state)
{
    static const char *argv[3000];
    static const char *const envp[] = {NULL};
    struct posix_start s;

    (void)state;
    for (int i = 0; i < 2999; i++)
        argv[i] = "an argument that is forty bytes long....";
    IS(posix_exec(&(struct posix_exec){"/prog", argv, envp}, &s), -E2BIG);
    assert_null(process_current()->areas);
    argv[2600] = NULL;
    IS(posix_exec(&(struct posix_exec){"/prog", argv, envp}, &s), 0);
    IS(*(const uint64_t *)s.stack, 2600);
    assert_string_equal(((const char *const *)s.stack)[2600], argv[0]);
}

static void without_memory_for_the_stack_nothing_stays(void **state)
{
    struct posix_start s;

    (void)state;
    size_t mapped = fake.mapped_bytes;
    fake.limit_bytes = mapped + 16 * PAGE_SIZE;
    IS(run("/prog", &s), -ENOMEM);
    assert_null(process_current()->areas);
    IS(fake.mapped_bytes, mapped);
}

/* Debian's busybox-static, where it is installed: each segment must hold the file's bytes. */
static void a_real_program_is_loaded_byte_for_byte(void **state)
{
    static uint8_t file[3 << 20];
    struct elf_image image;
    struct posix_start s;
    int fd = open("/bin/busybox", 0);
    ssize_t bytes = fd < 0 ? -1 : read(fd, file, sizeof file);

    (void)state;
    if (fd >= 0)
        close(fd);
    const struct elf_header *h = (struct elf_header *)(void *)file;
    if (bytes < 64 || (size_t)bytes == sizeof file || elf_check_header(h, (uint64_t)bytes) ||
        elf_check_segments(h, (void *)(file + h->segments), (uint64_t)bytes, &image))
        skip(); /* none, or a dynamic one */
    start_with(file, (size_t)bytes);
    IS(run("/prog", &s), 0);
    IS(s.entry, image.entry);
    for (unsigned i = 0; i < image.segment_count; i++) {
        const struct elf_segment *g = &image.segments[i];
        IS(area_find(process_current(), g->start)->rights, g->rights);
        assert_memory_equal((const void *)g->start, file + g->offset, g->file_bytes);
    }
}

/* Path, arguments and environment of execve, in memory of the program that calls it. */
static struct posix_regs calling_execve(const char *path)
{
    char *to = (char *)SYS(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint64_t *list = (uint64_t *)(to + 512);

    strcpy(to, path);
    strcpy(to + 256, "argument");
    list[0] = (uint64_t)to;
    list[1] = (uint64_t)(to + 256);
    list[2] = list[3] = 0;
    return (struct posix_regs){.rax = NR_execve,
                               .rdi = (word_t)to,
                               .rsi = (word_t)list,
                               .rdx = (word_t)(list + 3),
                               .rip = 0x1000,
                               .rsp = 0x2000};
}

static void execve_replaces_the_program(void **state)
{
    struct posix_regs r = calling_execve("/prog");
    struct process *p = process_current();
    uint8_t vectors[VECTORS_BYTES];

    (void)state;
    IS(SYS(open, r.rdi, O_RDONLY | 02000000), 3); /* closed on exec */
    IS(SYS(open, r.rdi, O_RDONLY), 4);
    p->action[1].handler = 0x1234;
    p->action[2].handler = SIG_IGN;
    memset(vectors, 0xff, sizeof vectors);
    posix_trampoline(&r, vectors);
    IS(r.rip, BASE + 0x200);
    IS(r.rax | r.rdi | r.rsi, 0);
    const uint64_t *w = (const uint64_t *)r.rsp;
    IS(w[0], 2);
    assert_string_equal((const char *)w[2], "argument");
    assert_null(area_check(p));
    assert_false(p->descriptors[3].file || !p->descriptors[4].file);
    IS(p->action[1].handler, SIG_DFL);
    IS(p->action[2].handler, SIG_IGN);
    IS(vectors[0] | vectors[1] << 8, 0x37f);
    assert_string_equal(task_current()->name, "prog");

    const word_t running = calling_execve("/prog").rdi;
    IS(SYS(open, running, O_WRONLY), -ETXTBSY);
    IS(SYS(truncate, running, 0), -ETXTBSY);
    IS(SYS(open, running, O_RDONLY | O_TRUNC), -ETXTBSY);

    r = calling_execve("/script"); /* over the first one, which lies at the same addresses */
    posix_trampoline(&r, NULL);
    IS(r.rip, BASE + 0x200);
    assert_string_equal((const char *)((const uint64_t *)r.rsp)[2], "an arg");
}

static void execve_that_fails_changes_nothing(void **state)
{
    static const struct {
        const char *path;
        long want;
    } rows[] = {{"/missing", -ENOENT},
                {"/plain", -EACCES},
                {"/empty", -ENOEXEC},
                {"/self", -ELOOP},
                {"/hashes", -ENOEXEC}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct posix_regs r = calling_execve(rows[i].path);
        posix_trampoline(&r, NULL);
        IS((long)r.rax, rows[i].want);
        IS(r.rip, 0x1000);
        assert_string_equal((const char *)r.rdi, rows[i].path);
    }
    struct posix_regs r = calling_execve("/prog");
    long fd = SYS(open, r.rdi, O_RDWR);
    posix_trampoline(&r, NULL);
    IS((long)r.rax, -ETXTBSY);
    IS(SYS(close, fd), 0);
    r = calling_execve("/prog");
    r.rsi = 1;
    posix_trampoline(&r, NULL);
    IS((long)r.rax, -EFAULT);
    IS(SYS(execve, r.rdi, 0, 0), -ENOSYS); /* the way has not handed the registers over */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_good_program_is_mapped_with_its_rights),
        TEST(the_stack_tells_arguments_environment_and_facts),
        TEST(the_process_is_named_after_the_program),
        TEST(a_relocatable_program_is_moved),
        TEST(scripts_run_their_interpreter),
        TEST(a_script_of_a_script_is_unfolded),
        TEST(what_is_no_program_is_refused),
        TEST(wrong_headers_are_refused),
        TEST(every_truncation_is_survived),
        TEST(random_headers_never_break_the_loader),
        TEST(too_many_arguments_and_too_little_memory_are_errors),
        TEST(without_memory_for_the_stack_nothing_stays),
        TEST(a_real_program_is_loaded_byte_for_byte),
        TEST(execve_replaces_the_program),
        TEST(execve_that_fails_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
