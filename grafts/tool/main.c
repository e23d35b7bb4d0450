/* The host command `graft`: checks, runs and shows grafts with the kernel's own code. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo/abi/batch.h"
#include "exo/base/assert.h"
#include "grafts/checker.h"
#include "grafts/elf.h"
#include "grafts/interp.h"
#include "grafts/tool/bench.h"
#include "grafts/tool/conform.h"
#include "grafts/tool/disasm.h"
#include "grafts/tool/hex.h"
#include "grafts/tool/native.h"

#define OPEN_BRANCHES 256u
#define MAX_PACKET    65536u
#define JIT_BYTES     (8u << 20)

static const char usage[] =
    "usage: graft check FILE.o [SECTION]        may it run in the kernel, and if not, why\n"
    "       graft run FILE.o HEX [SECTION]      run it on the packet HEX, print the result\n"
    "       graft disasm FILE.o [SECTION]       print its instructions\n"
    "       graft conform [HEX]                 plugin of the public conformance suite\n"
    "       graft bench FOLDER                  compiled grafts beside clang's code\n"
    "       --jit   run, conform: as machine code, not by the interpreter\n"
    "       --mask  with --jit, bench: masked against speculation\n";

struct object {
    const char *path;
    void *image;
    size_t bytes;
    struct graft_code code;
};

_Noreturn void panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "graft: %s:%d: %s does not hold: please report this\n", file, line, what);
    abort();
}

/* The whole file, in memory aligned for anything; NULL after a message. */
static void *read_file(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    uint8_t *image = malloc(GRAFT_OBJECT_MAX + 1);

    if (!f || !image) {
        fprintf(stderr, "graft: %s: %s\n", path, strerror(errno));
        goto out_close;
    }
    *bytes = fread(image, 1, GRAFT_OBJECT_MAX + 1, f);
    if (ferror(f) || *bytes > GRAFT_OBJECT_MAX) {
        fprintf(stderr, "graft: %s: cannot be read, or is larger than %u bytes\n", path,
                GRAFT_OBJECT_MAX);
        goto out_close;
    }
    fclose(f);
    return image;

out_close:
    free(image);
    if (f)
        fclose(f);
    return NULL;
}

/* One line: where, what instruction, which register, which fact is missing, what to do. */
static void print_refusal(const struct object *o, const struct graft_report *r)
{
    char text[DISASM_LINE];

    fprintf(stderr, "%s:", o->path);
    if (r->line)
        fprintf(stderr, "%u:", r->line);
    if (r->instruction < o->code.count) {
        disasm_print(&o->code.insns[r->instruction], o->code.count - r->instruction, text);
        fprintf(stderr, " instruction %u (%s):", r->instruction, text);
    }
    if (r->reg != GRAFT_NO_REGISTER)
        fprintf(stderr, " r%u:", r->reg);
    fprintf(stderr, " %s", graft_reason_text(r->reason));
    if (r->need || r->have)
        fprintf(stderr, " (needs %lld, has %lld)", (long long)r->need, (long long)r->have);
    fprintf(stderr, "; %s\n", graft_reason_hint(r->reason));
}

/* False after a message. The caller frees o->image in either case. */
static bool open_object(struct object *o, const char *path, const char *section)
{
    *o = (struct object){.path = path};
    o->image = read_file(path, &o->bytes);
    if (!o->image)
        return false;

    struct graft_report r = {.instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER};
    r.reason = graft_elf_find(o->image, o->bytes, section, &o->code);
    if (r.reason != GRAFT_ACCEPTED)
        print_refusal(o, &r);
    return r.reason == GRAFT_ACCEPTED;
}

/* False after a message. */
static bool check_object(const struct object *o, struct graft_program *p)
{
    struct graft_input in = {
        .code = o->code.insns, .count = o->code.count, .hook = GRAFT_HOOK_PACKET_FILTER};
    struct graft_report r;
    size_t bytes = GRAFT_WORK_BYTES(in.count, OPEN_BRANCHES);
    void *work = malloc(bytes);

    if (!work) {
        fprintf(stderr, "graft: not enough memory\n");
        return false;
    }
    bool accepted = graft_check(&in, work, bytes, p, &r) == GRAFT_ACCEPTED;
    free(work);
    if (!accepted) {
        r.line = graft_elf_line(o->image, o->bytes, &o->code, r.instruction);
        print_refusal(o, &r);
    }
    return accepted;
}

static int check(const struct object *o)
{
    struct graft_program p;

    if (!check_object(o, &p))
        return 1;
    printf("%s: accepted: %u instructions, at most %u of them in one run\n", o->path, p.count,
           p.steps);
    return 0;
}

/* Options, wherever they stood. */
static struct {
    bool jit, mask;
} options;

/* Compiles and runs. False after a message. */
static bool run_compiled(const struct graft_program *p, void *context, uint64_t *result)
{
    struct graft_jit_input in = {
        .program = p, .features = native_features(), .options = options.mask ? GRAFT_JIT_MASK : 0};
    struct graft_jit_output out;
    struct native n;
    graft_jit_entry entry;

    if (!native_open(&n, JIT_BYTES, p->count)) {
        fprintf(stderr, "graft: no memory that can be executed\n");
        return false;
    }
    enum graft_jit_end end = native_compile(&n, &in, true, &entry, &out);
    if (end != GRAFT_JIT_DONE) {
        fprintf(stderr, "graft: the compiler ended with %u at instruction %u\n", end, out.at);
        native_close(&n);
        return false;
    }
    struct graft_jit_result r = entry((uintptr_t)context, 0, p->fuel);
    native_close(&n);
    *result = r.r0;
    if (!out.may_abort || r.rest >= 0)
        return true;
    fprintf(stderr, "graft: its fuel is used up\n");
    return false;
}

static bool run_interpreted(const struct graft_program *p, void *context, uint64_t *result)
{
    if (graft_run_outside(p, NULL, context, result))
        return true;
    fprintf(stderr, "graft: its fuel is used up\n");
    return false;
}

static int run(const struct object *o, const char *hex)
{
    static uint8_t packet[MAX_PACKET];
    struct graft_program p;
    long bytes = hex_read(hex, packet, sizeof packet);

    if (bytes < 0) {
        fprintf(stderr, "graft: the packet is not hexadecimal, or more than %u bytes\n",
                MAX_PACKET);
        return 1;
    }
    if (!check_object(o, &p))
        return 1;
    struct graft_packet context = {.data = (uintptr_t)packet,
                                   .data_end = (uintptr_t)packet + (size_t)bytes,
                                   .length = (uint32_t)bytes};
    uint64_t result;
    if (!(options.jit ? run_compiled : run_interpreted)(&p, &context, &result))
        return 1;
    printf("%llu\n", (unsigned long long)result);
    return 0;
}

static int disasm(const struct object *o)
{
    char text[DISASM_LINE];

    for (uint32_t i = 0; i < o->code.count; i++) {
        disasm_print(&o->code.insns[i], o->code.count - i, text);
        printf("%4u  %s\n", i, text);
        if (insn_shapes[o->code.insns[i].opcode].form == FORM_WIDE)
            i++;
    }
    return 0;
}

/* Takes the options out of the arguments; returns how many are left. */
static int take_options(int argc, char **argv)
{
    int left = 0;

    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--jit"))
            options.jit = true;
        else if (!strcmp(argv[i], "--mask"))
            options.mask = true;
        else
            argv[left++] = argv[i];
    return left;
}

int main(int argc, char **argv)
{
    argc = take_options(argc, argv);
    const char *command = argc > 1 ? argv[1] : "";
    bool is_run = !strcmp(command, "run");
    int first_option = is_run ? 4 : 3, result = 1;
    struct object o;

    if (!strcmp(command, "conform") && argc <= 3)
        return conform(argc > 2 ? argv[2] : NULL, options.jit);
    if (!strcmp(command, "bench") && argc == 3)
        return bench(argv[2], options.mask ? GRAFT_JIT_MASK : 0);
    if ((!is_run && strcmp(command, "check") && strcmp(command, "disasm")) || argc < first_option ||
        argc > first_option + 1) {
        fputs(usage, stderr);
        return 2;
    }
    if (open_object(&o, argv[2], argc > first_option ? argv[first_option] : NULL))
        result = is_run ? run(&o, argv[3]) : command[0] == 'c' ? check(&o) : disasm(&o);
    free(o.image);
    return result;
}
