/* A program that is linked with the core and finds itself on Linux: its calls become Linux's own.
 */
#include "libos-posix/way/way_linux.h"

#include "exo/abi/types.h"
#include "libos-posix/load/elf.h"
#include "libos-posix/way/way_libos.h"

#define PROT_READ      1
#define PROT_WRITE     2
#define PROT_EXEC      4
#define NR_WRITE       1
#define NR_MPROTECT    10
#define NR_EXIT_GROUP  231
#define STATUS_SYSTEM  70
#define JUMP_NEAR      0xe9u
#define JUMP_BYTES     5u
#define STANDARD_ERROR 2

/* The program's own ELF header, which the linker puts at the start of its first segment. */
extern const struct elf_header __ehdr_start __attribute__((visibility("hidden")));

/* Sets what may be done with the program's code. */
static long protect_code(long protection)
{
    const struct elf_header *h = &__ehdr_start;
    const struct elf_program_header *p = (const void *)((vaddr_t)h + h->segments);
    vaddr_t bias = 0;
    long e = 0;

    for (unsigned i = 0; i < h->segment_count; i++)
        if (p[i].type == ELF_LOAD && p[i].offset == 0)
            bias = (vaddr_t)h - p[i].va;
    for (unsigned i = 0; i < h->segment_count && !e; i++) {
        vaddr_t start = (p[i].va + bias) & ~(PAGE_SIZE - 1);
        vaddr_t end = (p[i].va + bias + p[i].memory_bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
        if (p[i].type == ELF_LOAD && p[i].flags & ELF_EXEC)
            e = linux_syscall(NR_MPROTECT, (long)start, (long)(end - start), protection, 0, 0, 0);
    }
    return e;
}

static _Noreturn void fail(void)
{
    static const char text[] = "exo4: Linux does not let this program change its own code\n";

    linux_syscall(NR_WRITE, STANDARD_ERROR, (long)text, sizeof text - 1, 0, 0, 0);
    for (;;)
        linux_syscall(NR_EXIT_GROUP, STATUS_SYSTEM, 0, 0, 0, 0, 0);
}

/* The function at `from` begins with a jump to `to`. */
static void redirect(vaddr_t from, vaddr_t to)
{
    const uint32_t distance = (uint32_t)(to - from - JUMP_BYTES);
    volatile uint8_t *code = (volatile uint8_t *)from;

    if (!from)
        return; /* this program has no such function */
    code[0] = JUMP_NEAR;
    for (unsigned i = 0; i < sizeof distance; i++)
        code[1 + i] = (uint8_t)(distance >> (8 * i));
}

/* By statements, not a table: in a program that can be moved the addresses of a table would not be
 * right yet. */
void libos_linux_prepare(void)
{
    if (protect_code(PROT_READ | PROT_WRITE | PROT_EXEC))
        fail();
    redirect((vaddr_t)libos_syscall, (vaddr_t)linux_syscall);
    redirect((vaddr_t)libos_syscall_cp, (vaddr_t)linux_syscall_cp);
    redirect((vaddr_t)libos_set_fs, (vaddr_t)linux_set_fs);
    redirect((vaddr_t)libos_clone, (vaddr_t)linux_clone);
    redirect((vaddr_t)libos_vfork, (vaddr_t)linux_vfork);
    redirect((vaddr_t)libos_unmapself, (vaddr_t)linux_unmapself);
    redirect((vaddr_t)libos_sigreturn, (vaddr_t)linux_sigreturn);
    redirect((vaddr_t)libos_getpid, (vaddr_t)linux_getpid);
    redirect((vaddr_t)libos_getppid, (vaddr_t)linux_getppid);
    redirect((vaddr_t)libos_getuid, (vaddr_t)linux_getuid);
    redirect((vaddr_t)libos_geteuid, (vaddr_t)linux_geteuid);
    redirect((vaddr_t)libos_getgid, (vaddr_t)linux_getgid);
    redirect((vaddr_t)libos_getegid, (vaddr_t)linux_getegid);
    if (protect_code(PROT_READ | PROT_EXEC))
        fail();
}
