/* The initial stack of a program: arguments, environment and auxiliary vector. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/load/exec.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/base/user.h"

#define STACK_BYTES  ((size_t)8 * 1024 * 1024)
#define GUARD_BYTES  ((size_t)64 * 1024)
#define RANDOM_BYTES 16u
#define AUX_PAIRS    20u

const char *exec_string(const struct exec_strings *s, size_t index)
{
    return index < s->first_count ? s->first[index] : s->rest[index - s->first_count];
}

size_t exec_string_count(const struct exec_strings *s)
{
    return s->first_count + s->rest_count;
}

static size_t length_of(const char *string)
{
    size_t bytes = 0;
    while (string[bytes])
        bytes++;
    return bytes;
}

/* Bytes of all strings with their zeros, and of their pointers. Stops counting above the limit. */
static size_t size_of(const struct exec_strings *s)
{
    size_t bytes = 0;
    for (size_t i = 0; i < exec_string_count(s) && bytes <= EXEC_STRINGS_MAX; i++)
        bytes += length_of(exec_string(s, i)) + 1 + sizeof(uint64_t);
    return bytes;
}

/* A stack that is being written: strings go down from the top, words up from the bottom. */
struct builder {
    struct process *process;
    vaddr_t strings; /* lowest string so far   */
    vaddr_t words;   /* where the next word goes */
    long error;      /* the first one; 0: none */
};

static vaddr_t push_bytes(struct builder *b, const void *bytes, size_t count)
{
    b->strings -= count;
    long e = user_write(b->process, b->strings, bytes, count);
    if (!b->error)
        b->error = e;
    return b->strings;
}

static void put_words(struct builder *b, const uint64_t *words, size_t count)
{
    long e = user_write(b->process, b->words, words, count * sizeof *words);
    if (!b->error)
        b->error = e;
    b->words += count * sizeof *words;
}

static void put_word(struct builder *b, uint64_t word)
{
    put_words(b, &word, 1);
}

static void put_strings(struct builder *b, const struct exec_strings *s)
{
    for (size_t i = 0; i < exec_string_count(s); i++) {
        const char *string = exec_string(s, i);
        put_word(b, push_bytes(b, string, length_of(string) + 1));
    }
    put_word(b, 0);
}

/* Feature bits as CPUID leaf 1 has them in %edx: what AT_HWCAP is on x86-64. */
static uint64_t hardware_capabilities(void)
{
    uint32_t a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return d;
}

/* Addresses that the auxiliary vector tells. */
struct facts {
    vaddr_t random, platform, name, vdso;
};

static void put_auxiliary(struct builder *b, const struct exec_program *program,
                          const struct facts *facts)
{
    const struct elf_image *image = &program->image.elf;
    const vaddr_t bias = program->image.bias;
    const uint64_t aux[AUX_PAIRS][2] = {
        {AT_HWCAP, hardware_capabilities()},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, CLOCK_TICKS},
        {AT_PHDR, image->headers ? image->headers + bias : 0},
        {AT_PHENT, sizeof(struct elf_program_header)},
        {AT_PHNUM, image->header_count},
        {AT_BASE, program->linker_node ? program->linker.bias : 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, image->entry + bias},
        {AT_UID, b->process->who.uid},
        {AT_EUID, b->process->who.euid},
        {AT_GID, b->process->who.gid},
        {AT_EGID, b->process->who.egid},
        {AT_SECURE, b->process->who.uid != b->process->who.euid},
        {AT_RANDOM, facts->random},
        {AT_PLATFORM, facts->platform},
        {AT_EXECFN, facts->name},
        {facts->vdso ? AT_SYSINFO_EHDR : AT_IGNORE, facts->vdso},
        {port_door() ? AT_DOOR : AT_IGNORE, port_door()},
        {AT_NULL, 0},
    };
    put_words(b, aux[0], 2 * AUX_PAIRS);
}

static vaddr_t map_stack(struct process *p, rights_t rights)
{
    vaddr_t low = area_find_gap(p, GUARD_BYTES + STACK_BYTES);

    if (!low || area_map(p, low, low + GUARD_BYTES, 0))
        return 0;
    if (area_map(p, low + GUARD_BYTES, low + GUARD_BYTES + STACK_BYTES, rights)) {
        area_unmap(p, low, low + GUARD_BYTES);
        return 0;
    }
    return low + GUARD_BYTES + STACK_BYTES;
}

/* Each program has a copy: what it does to it harms nobody else. */
static long map_vdso(struct process *p, vaddr_t *at)
{
    const void *image = port_vdso();

    *at = image ? area_find_gap(p, PAGE_SIZE) : 0;
    if (!image)
        return 0;
    long e = *at ? area_map(p, *at, *at + PAGE_SIZE, RIGHT_READ | RIGHT_WRITE) : -ENOMEM;
    if (!e)
        e = user_write(p, *at, image, PAGE_SIZE);
    return e ? e : area_protect(p, *at, *at + PAGE_SIZE, RIGHT_READ | RIGHT_EXEC);
}

long exec_check_strings(const struct exec_program *program)
{
    size_t strings = size_of(&program->arguments) + size_of(&program->environment);
    return strings > EXEC_STRINGS_MAX ? -E2BIG : 0;
}

long exec_build_stack(struct process *p, const struct exec_program *program, vaddr_t *stack)
{
    size_t strings = size_of(&program->arguments) + size_of(&program->environment);
    vaddr_t top =
        map_stack(p, RIGHT_READ | RIGHT_WRITE | (program->image.elf.runs_stack ? RIGHT_EXEC : 0));
    if (!top)
        return -ENOMEM;

    uint8_t random[RANDOM_BYTES];
    port_entropy(random, sizeof random);
    struct builder b = {.process = p, .strings = top - sizeof(uint64_t)};
    struct facts facts = {
        .name = push_bytes(&b, program->name, length_of(program->name) + 1),
        .platform = push_bytes(&b, "x86_64", sizeof "x86_64"),
        .random = push_bytes(&b, random, sizeof random),
    };
    b.error = b.error ? b.error : map_vdso(p, &facts.vdso);

    /* The words need: argc, both lists with a zero each, and the pairs. */
    size_t words = 3 + exec_string_count(&program->arguments) +
                   exec_string_count(&program->environment) + 2 * (AUX_PAIRS);
    vaddr_t low = b.strings - strings - words * sizeof(uint64_t);
    *stack = b.words = low & ~(vaddr_t)15;
    put_word(&b, exec_string_count(&program->arguments));
    put_strings(&b, &program->arguments);
    put_strings(&b, &program->environment);
    put_auxiliary(&b, program, &facts);
    return b.error;
}
