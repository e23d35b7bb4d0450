/* Starting a program that is linked with the core over libos: from libos_entry to musl's _start. */
#include "exo/abi/boot.h"
#include "libos-posix/abi/process.h"
#include "libos-posix/load/elf.h"
#include "libos-posix/way/fault.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/port.h"
#include "libos-posix/port/port_libos.h"
#include "libos/error.h"
#include "libos/log.h"

#define STACK_BYTES   ((uint64_t)8 << 20)
#define STATUS_SYSTEM 70
#define RANDOM_BYTES  16u

extern const struct elf_header __ehdr_start __attribute__((visibility("hidden")));

/* Called by libos_entry (libos/start): what it returns is the stack that musl begins with. */
vaddr_t libos_posix_prepare(const struct startinfo *start);

/* Called by libos_entry when the program was started as Linux' programs are: argc is at `stack`.
 * Has its calls go to the family's core. False: there is none. */
bool libos_posix_join(const word_t *stack);

#pragma GCC visibility push(hidden)
extern vaddr_t libos_door; /* way_libos_x86_64.S */
#pragma GCC visibility pop

static uint8_t random[RANDOM_BYTES];

/* Room for the words that stand on the stack: argc, pointers and their NULLs, pairs. */
#define AUX_PAIRS 13u

static word_t *put_strings(word_t *at, uint32_t count, const char **text)
{
    for (; count; count--) {
        *at++ = (word_t)*text;
        while (**text)
            ++*text;
        ++*text;
    }
    *at++ = 0;
    return at;
}

static void put_auxiliary(word_t *at, const char *name)
{
    const word_t headers = (vaddr_t)&__ehdr_start + __ehdr_start.segments;
    const word_t aux[AUX_PAIRS][2] = {
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, CLOCK_TICKS},
        {AT_PHDR, headers},
        {AT_PHENT, sizeof(struct elf_program_header)},
        {AT_PHNUM, __ehdr_start.segment_count},
        {AT_UID, 0},
        {AT_EUID, 0},
        {AT_GID, 0},
        {AT_EGID, 0},
        {AT_SECURE, 0},
        {AT_RANDOM, (word_t)random},
        {AT_EXECFN, (word_t)name},
        {AT_NULL, 0},
    };
    for (unsigned i = 0; i < AUX_PAIRS; i++) {
        *at++ = aux[i][0];
        *at++ = aux[i][1];
    }
}

static bool on_fault(struct libos_regs *r)
{
    fault_end(&r->frame);
}

vaddr_t libos_posix_prepare(const struct startinfo *start)
{
    vaddr_t top = 0;
    enum err e = port_libos_init();

    if (e == ERR_OK)
        e = port_libos_stack(STACK_BYTES, &top);
    if (e) {
        log_error_line("exo4: the library OS cannot be set up: %s", error_text(e));
        port_exit(STATUS_SYSTEM);
    }
    libos_segv_hook = on_fault;
    port_entropy(random, sizeof random);
    /* The strings are copied: the start page is not the program's, and it may write to them. */
    const char *text = (const char *)(top - sizeof start->text), *name = start->argc ? text : "";
    memcpy((char *)(top - sizeof start->text), start->text, sizeof start->text);
    size_t words = 3 + start->argc + start->envc + 2 * AUX_PAIRS;
    vaddr_t stack = (top - sizeof start->text - words * sizeof(word_t)) & ~(vaddr_t)15;
    word_t *at = (word_t *)stack;
    *at++ = start->argc;
    at = put_strings(at, start->argc, &text);
    at = put_strings(at, start->envc, &text);
    put_auxiliary(at, name);
    return stack;
}

static const word_t *behind_null(const word_t *at)
{
    while (*at)
        at++;
    return at + 1;
}

bool libos_posix_join(const word_t *stack)
{
    const word_t *aux = behind_null(behind_null(stack + 1));

    for (; aux[0] != AT_NULL; aux += 2)
        if (aux[0] == AT_DOOR)
            libos_door = aux[1];
    return libos_door != 0;
}
