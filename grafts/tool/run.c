/* The command `run`: one packet, by the interpreter or as machine code. */
#include <stdio.h>

#include "grafts/interp.h"
#include "grafts/tool/arguments.h"
#include "grafts/tool/commands.h"
#include "grafts/tool/hex.h"
#include "grafts/tool/native.h"

#define MAX_PACKET 65536u
#define JIT_BYTES  (8u << 20)

/* Compiles and runs. False after a message. */
static bool run_compiled(const struct graft_program *p, uint32_t options, void *context,
                         uint64_t *result)
{
    struct graft_jit_input in = {.program = p, .features = native_features(), .options = options};
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

/* Does it name maps, or call helpers? */
static bool reaches_out(const struct graft_program *p)
{
    for (uint32_t at = 0; at < p->count; at++) {
        const struct insn *i = &p->code[at];
        uint8_t form = insn_shapes[i->opcode].form;
        if (form == FORM_CALL || form == FORM_CALL_REG || (form == FORM_WIDE && insn_src(i) != 0))
            return true;
        at += form == FORM_WIDE;
    }
    return false;
}

static int run(struct object_file *o, const struct arguments *a)
{
    static uint8_t packet[MAX_PACKET];
    struct graft_program p;
    long bytes = hex_read(a->words[1], packet, sizeof packet);
    uint64_t result;

    if (bytes < 0) {
        fprintf(stderr, "graft: the packet is not hexadecimal, or more than %u bytes\n",
                MAX_PACKET);
        return 1;
    }
    if (!object_check(o, &p))
        return 1;
    if (reaches_out(&p) || o->hook != GRAFT_HOOK_PACKET_FILTER) {
        fprintf(stderr, "graft: only packet filters that call nothing and use no map run here\n");
        return 1;
    }
    struct graft_packet context = {.data = (uintptr_t)packet,
                                   .data_end = (uintptr_t)packet + (size_t)bytes,
                                   .length = (uint32_t)bytes};
    bool good = a->jit ? run_compiled(&p, a->mask ? GRAFT_JIT_MASK : 0, &context, &result)
                       : run_interpreted(&p, &context, &result);
    if (good)
        printf("%llu\n", (unsigned long long)result);
    return good ? 0 : 1;
}

int command_run(int count, char **words)
{
    struct arguments a;
    struct object_file o;
    int result = 1;

    if (!arguments_read(&a, count, words, 2, 2, ARGUMENTS_CHOICE | ARGUMENTS_JIT | ARGUMENTS_MASK))
        return COMMAND_USAGE;
    if (object_open_file(&o, a.words[0], &a.choice))
        result = run(&o, &a);
    object_close(&o);
    return result;
}
