/* The bench: compiled grafts beside what clang makes of the same source. */
#include "grafts/tool/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grafts/elf.h"
#include "grafts/interp.h"
#include "grafts/tool/count.h"
#include "grafts/tool/native.h"

#define MEMORY     4096u
#define FILE_BYTES 65536u
#define CODE_BYTES 65536u
#define MAX_STEPS  10000000u
#define OTHER_PORT 1234u
#define MULTIPLIER 2654435761u /* of the hash */

static const uint16_t ports[] = {53,   67,   69,   80,   123,  161,  443,  514,
                                 1194, 1812, 4500, 4789, 5060, 5353, 8080, 51820};
static _Alignas(16) uint8_t memory[MEMORY];
static _Alignas(16) uint8_t file[2][FILE_BYTES];
static struct native compiled, clangs;

static void make_packet(uint16_t port)
{
    memset(memory, 0, 64);
    memory[12] = 8; /* IPv4 */
    memory[14] = 0x45;
    memory[23] = 17; /* UDP */
    memory[36] = (uint8_t)(port >> 8);
    memory[37] = (uint8_t)port;
}

static void make_table(void)
{
    uint32_t *slots = (uint32_t *)(void *)memory;

    memset(memory, 0, 512);
    for (uint32_t key = 1; key <= 32; key++) {
        uint32_t at = key * MULTIPLIER >> 26;
        while (slots[2 * at])
            at = (at + 1) & 63;
        slots[2 * at] = key;
        slots[2 * at + 1] = 3 * key;
    }
}

/* Input number `run` of a program, in memory; returns r2. */
static uint64_t make_input(const char *name, uint32_t run)
{
    for (uint32_t i = 0; i < MEMORY; i++)
        memory[i] = (uint8_t)(i * 7 + (i >> 8));
    if (!strcmp(name, "filter"))
        make_packet(5353);
    else if (!strcmp(name, "demux"))
        make_packet(run < 16 ? ports[run] : OTHER_PORT);
    else if (!strcmp(name, "hash"))
        make_table();
    return !strcmp(name, "collatz") ? 27 : MEMORY;
}

/* Bytes read, or -1 after a message. */
static long read_file(const char *folder, const char *name, const char *suffix, uint8_t *to)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
    FILE *f = fopen(path, "rb");

    if (!f) {
        fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
        return -1;
    }
    size_t bytes = fread(to, 1, FILE_BYTES, f);
    fclose(f);
    return (long)bytes;
}

/* One program on both sides. */
struct contest {
    const char *name;
    uint32_t runs;
    struct graft_code code;
    graft_jit_entry ours, theirs;
    long our_bytes, their_bytes;
    long our_count, their_count;
};

static bool load(struct contest *c, const char *folder, uint32_t options)
{
    long object = read_file(folder, c->name, ".o", file[0]);
    c->their_bytes = read_file(folder, c->name, ".bin", file[1]);
    if (object < 0 || c->their_bytes < 0)
        return false;
    if (graft_elf_find(file[0], (size_t)object, NULL, &c->code) != GRAFT_ACCEPTED) {
        fprintf(stderr, "bench: %s: not an eBPF object\n", c->name);
        return false;
    }
    memcpy(clangs.writable, file[1], (size_t)c->their_bytes);
    memcpy(&c->theirs, &clangs.runs, sizeof c->theirs);

    struct graft_program p = {.code = c->code.insns, .count = c->code.count};
    struct graft_jit_input in = {.program = &p, .features = native_features(), .options = options};
    struct graft_jit_output out;
    enum graft_jit_end end = native_compile(&compiled, &in, true, &c->ours, &out);
    if (end != GRAFT_JIT_DONE) {
        fprintf(stderr, "bench: %s: the compiler ended with %u at slot %u\n", c->name, end, out.at);
        return false;
    }
    c->our_bytes = (long)out.bytes;
    return true;
}

static uint64_t interpret(const struct contest *c, uint64_t r2)
{
    static _Alignas(16) uint8_t stack[GRAFT_STACK_BYTES];
    struct interp m = {
        .code = c->code.insns, .count = c->code.count, .steps_left = MAX_STEPS, .max_depth = 1};

    m.reg[1] = (uintptr_t)memory;
    m.reg[2] = r2;
    m.reg[INSN_FRAME] = (uintptr_t)stack + sizeof stack;
    return interp_run(&m) == INTERP_EXIT ? m.reg[0] : UINT64_MAX;
}

static bool run_all(struct contest *c)
{
    for (uint32_t run = 0; run < c->runs; run++) {
        uint64_t ours = 0, theirs = 0, r2 = make_input(c->name, run);
        long a =
            count_instructions(c->ours, compiled.runs, CODE_BYTES, (uintptr_t)memory, r2, &ours);
        long b =
            count_instructions(c->theirs, clangs.runs, CODE_BYTES, (uintptr_t)memory, r2, &theirs);
        if (a < 0 || b < 0) {
            fprintf(stderr, "bench: instructions cannot be counted here: no ptrace, or a crash\n");
            return false;
        }
        c->our_count += a;
        c->their_count += b;
        uint64_t want = interpret(c, r2);
        if (ours != want || theirs != want) {
            fprintf(stderr, "bench: %s: %#llx compiled, %#llx by clang, %#llx interpreted\n",
                    c->name, (unsigned long long)ours, (unsigned long long)theirs,
                    (unsigned long long)want);
            return false;
        }
    }
    return true;
}

int bench(const char *folder, uint32_t options)
{
    static struct contest contests[] = {
#define BENCH(program, times, what) {.name = #program, .runs = times},
#include "grafts/tool/bench.def"
#undef BENCH
    };

    if (!native_open(&compiled, CODE_BYTES, FILE_BYTES / 8) ||
        !native_open(&clangs, CODE_BYTES, 1)) {
        fprintf(stderr, "bench: no memory that can be executed\n");
        return 1;
    }
    printf("%-8s %9s %9s %6s  %6s %6s %6s\n", "", "executed", "clang", "ratio", "bytes", "clang",
           "ratio");
    for (size_t k = 0; k < sizeof contests / sizeof contests[0]; k++) {
        struct contest *c = &contests[k];
        if (!load(c, folder, options) || !run_all(c))
            return 1;
        printf("%-8s %9ld %9ld %6.2f  %6ld %6ld %6.2f\n", c->name, c->our_count, c->their_count,
               (double)c->our_count / (double)c->their_count, c->our_bytes, c->their_bytes,
               (double)c->our_bytes / (double)c->their_bytes);
    }
    return 0;
}
