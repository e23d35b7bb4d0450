/*
 * libFuzzer target: the checker survives any code, and whatever it accepts keeps to its memory,
 * ends, and gives the same result by interpreter and machine code.
 */
#include <stdlib.h>
#include <string.h>

#include "grafts/checker.h"
#include "grafts/interp.h"
#include "grafts/tool/native.h"
#include "tests/fuzz/graft_bytes.h"

#define MOST         128u
#define OPEN         32u
#define CODE_BYTES   65536u
#define PACKET_BYTES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* All that a run may touch. */
struct world {
    struct graft_packet context;
    uint8_t packet[PACKET_BYTES];
    _Alignas(16) uint8_t stack[GRAFT_STACK_BYTES];
};

static bool lies_in(const void *base, uint64_t size, uint64_t address, uint32_t bytes)
{
    uint64_t offset = address - (uintptr_t)base;
    return offset < size && bytes <= size - offset;
}

static bool allows(void *self, uint64_t address, uint32_t bytes, bool write)
{
    const struct world *w = self;

    return lies_in(w->stack, sizeof w->stack, address, bytes) ||
           (!write && (lies_in(&w->context, sizeof w->context, address, bytes) ||
                       lies_in(w->packet, w->context.length, address, bytes)));
}

static void run_both(const struct graft_program *p, uint32_t length)
{
    static struct native native;
    struct world w = {.context = {.length = length}};
    struct interp_guard guard = {.allows = allows, .self = &w};
    struct interp m = {.code = p->code,
                       .count = p->count,
                       .steps_left = p->steps,
                       .max_depth = 1,
                       .guard = &guard};
    struct graft_jit_input in = {.program = p, .features = native_features()};
    struct graft_jit_output out;
    graft_jit_entry entry;

    for (uint32_t i = 0; i < PACKET_BYTES; i++)
        w.packet[i] = (uint8_t)(i * 37);
    w.context.data = (uintptr_t)w.packet;
    w.context.data_end = w.context.data + length;
    m.reg[1] = (uintptr_t)&w.context;
    m.reg[INSN_FRAME] = (uintptr_t)w.stack + sizeof w.stack;
    enum interp_end ended = interp_run(&m);
    if (ended == INTERP_BAD_CALL) /* of a helper, which the checker knows and this world has not */
        return;
    if (ended != INTERP_EXIT)
        abort();
    if (!native.runs && !native_open(&native, CODE_BYTES, MOST))
        abort();
    enum graft_jit_end end = native_compile(&native, &in, true, &entry, &out);
    if (end == GRAFT_JIT_BAD_CALL) /* by a register, where no path leads: it is interpreted */
        return;
    if (end != GRAFT_JIT_DONE)
        abort();
    if (entry((uintptr_t)&w.context, 0, 0).r0 != m.reg[0])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct insn code[MOST];
    static uint8_t work[GRAFT_WORK_BYTES(MOST, OPEN)] __attribute__((aligned(16)));
    struct graft_program p;
    struct graft_report r;

    if (bytes < 9)
        return 0;
    struct graft_input in = {.code = code, .hook = GRAFT_HOOK_PACKET_FILTER};
    in.count = bytes_to_code(data + 1, bytes - 1, data[0] & 128, code, MOST);
    if (graft_check(&in, work, sizeof work, &p, &r) == GRAFT_ACCEPTED)
        run_both(&p, (data[0] & 127u) % (PACKET_BYTES + 1));
    return 0;
}
