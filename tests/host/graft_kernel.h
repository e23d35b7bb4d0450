/* Grafts that the boss makes from instructions, for tests of the kernel. Include it behind
 * graft_asm.h, whose CALL is another one. */
#pragma once

#include "tests/host/graft_object.h"
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/graft.h"
#include "exo/abi/graft_object.h"

#define GRAFT_LOAD   SCRATCH
#define GRAFT_REPORT (SCRATCH + 1024)
#define GRAFT_OBJECT (SCRATCH + 2 * PAGE_SIZE)

static inline void graft_put(vaddr_t va, const void *from, size_t bytes)
{
    assert_true(space_copy_out(world.root->root, va, from, bytes));
}

/* In the boss's slot `dst`; what is there goes. */
static inline void graft_make(slot_t dst, const struct insn *code, size_t bytes, uint32_t hook)
{
    static struct go o;
    struct graft_load load = {.object = GRAFT_OBJECT, .report = GRAFT_REPORT, .hook = hook};

    if (cap_slot(world.root, dst)->kind != CAP_NONE)
        OK(BOSS(cap_delete, dst));
    go_begin(&o);
    go_section(&o, GRAFT_SECTION_CODE, OBJECT_PROGBITS, OBJECT_ALLOC | OBJECT_EXEC, code, bytes);
    load.bytes = go_end(&o);
    graft_put(GRAFT_OBJECT, o.image, load.bytes);
    graft_put(GRAFT_LOAD, &load, sizeof load);
    OK(BOSS(graft_create, REGION, PFN_ANY, dst, GRAFT_LOAD));
}

static inline uint64_t graft_runs(slot_t slot)
{
    const struct graft *g = frame_memory(cap_slot(world.root, slot)->base);

    return g->info->counts[COUNT_RUNS];
}
