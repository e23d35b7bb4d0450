/* A world for tests of trees. */
#include "tests/host/graft_asm.h"
#include "tests/host/graft_object.h"
#undef CALL
#include "tests/host/tree_world.h"

#include "bindings/cap.h"
#include "exo/abi/graft_object.h"
#include "exo/env/hooks.h"

#include <string.h>

#define LOAD    SCRATCH
#define REPORT  (SCRATCH + 1024)
#define BLOCKS  (SCRATCH + 2048)
#define OBJECT  (SCRATCH + PAGE_SIZE)
#define OWNS    0x10001
#define PROGRAM (4u * (TREE_RUNS + 2))

uint8_t tw_image[FAKE_DISK_BLOCKS][DISK_BLOCK_BYTES];
struct tw_library tw_lib;
unsigned tw_rounds;
void (*tw_done)(const struct disk_request *r);

static void put(vaddr_t va, const void *from, size_t bytes)
{
    assert_true(space_copy_out(world.root->root, va, from, bytes));
}

/* if (block->magic != TW_MAGIC) return 1; for each run: if (count) owns(...); return result; */
static uint32_t assemble(struct insn *code)
{
    struct insn *i = code;

    *i++ = (struct insn)LDX(DW, 6, 1, 0);
    *i++ = (struct insn)LDX(DW, 7, 1, 8);
    *i++ = (struct insn)COPY(2, 6);
    *i++ = (struct insn)ALU64_K(ADD, 2, sizeof(struct tw_meta));
    *i++ = (struct insn)SET(0, 1);
    *i++ = (struct insn)JUMP64_X(JLE, 2, 7, 1);
    *i++ = (struct insn)EXIT;
    *i++ = (struct insn)LDX(W, 2, 6, 0);
    *i++ = (struct insn)JUMP64_K(JEQ, 2, TW_MAGIC, 1);
    *i++ = (struct insn)EXIT;
    for (unsigned n = 0; n < TW_RUNS; n++) {
        int at = (int)(offsetof(struct tw_meta, runs) + n * sizeof(struct tree_run));
        *i++ = (struct insn)LDX(W, 1, 6, at);
        *i++ = (struct insn)LDX(W, 2, 6, at + 4);
        *i++ = (struct insn)LDX(W, 3, 6, at + 8);
        *i++ = (struct insn)JUMP64_K(JEQ, 2, 0, 1);
        *i++ = (struct insn)INSN(0x85, 0, 0, 0, OWNS);
    }
    *i++ = (struct insn)LDX(W, 0, 6, 4);
    *i++ = (struct insn)EXIT;
    return (uint32_t)(i - code);
}

static struct insn code[PROGRAM];

/* The call's error. */
static int create(slot_t dst, uint32_t count)
{
    static struct go o;
    struct graft_load l = {.object = OBJECT, .report = REPORT, .hook = GRAFT_HOOK_OWNERSHIP};

    go_begin(&o);
    go_section(&o, GRAFT_SECTION_CODE, OBJECT_PROGBITS, OBJECT_ALLOC | OBJECT_EXEC, code,
               count * sizeof *code);
    l.bytes = go_end(&o);
    put(OBJECT, o.image, l.bytes);
    put(LOAD, &l, sizeof l);
    return BOSS(graft_create, REGION, PFN_ANY, dst, LOAD);
}

int tw_graft(slot_t dst)
{
    return create(dst, assemble(code));
}

int tw_graft_of_runs(slot_t dst, uint32_t runs)
{
    struct insn *i = code;

    for (uint32_t n = 0; n < runs; n++) {
        *i++ = (struct insn)SET(1, 2 * n + 1);
        *i++ = (struct insn)SET(2, 1);
        *i++ = (struct insn)SET(3, 0);
        *i++ = (struct insn)INSN(0x85, 0, 0, 0, OWNS);
    }
    *i++ = (struct insn)SET(0, 0);
    *i++ = (struct insn)EXIT;
    return create(dst, (uint32_t)(i - code));
}

int tw_begin(void **state)
{
    fake_disk_reset();
    tw_done = NULL;
    memset(tw_image, 0xee, sizeof tw_image);
    world_begin(state);
    OK(BOSS(cap_copy, SLOT_ENV, TW_EXTENT, SLOT_DISK, RW | RIGHT_GRANT, TW_FIRST, TW_COUNT));
    OK(tw_graft(TW_GRAFT));
    return 0;
}

int tw_end(void **state)
{
    fake_disk.eager = true;
    fake_disk.absent = false;
    return world_end(state);
}

int tw_template(slot_t tree, uint32_t type, slot_t graft)
{
    return BOSS(tree_template, tree, type, graft, 0);
}

int tw_tree(slot_t above, slot_t dst, struct tree_load load)
{
    put(LOAD, &load, sizeof load);
    int e = BOSS(tree_create, above, REGION, PFN_ANY, LOAD, dst);
    if (e == ERR_OK) {
        OK(tw_template(dst, TW_META, TW_GRAFT));
        OK(tw_template(dst, TW_OTHER, TW_GRAFT));
    }
    return e;
}

static volatile struct disk_header *header(const struct tw_library *l)
{
    return frame_memory(l->memory);
}

void tw_library(struct tw_library *l, unsigned number, slot_t tree)
{
    l->ring = (slot_t)(TW_LIBRARIES + 2 * number);
    l->frames = l->ring + 1;
    l->memory = make_frames(l->frames, 1 + TW_PAGES);
    memset(frame_memory(l->memory), 0, sizeof(struct disk_header));
    OK(BOSS(disk_ring_create, tree, REGION, PFN_ANY, l->frames, SLOT_NONE, l->ring));
}

void *tw_page(const struct tw_library *l, uint32_t page)
{
    return frame_memory(l->memory + 1 + page);
}

uint32_t tw_post(struct tw_library *l, uint32_t op, uint32_t block, uint32_t count, uint32_t page)
{
    volatile struct disk_header *h = header(l);
    uint32_t at = h->posted % DISK_SLOTS;
    const struct disk_slot s = {count ? (1 + page) * PAGE_SIZE : 0, block, count, op, 0};

    h->slots[at] = s;
    h->posted++;
    return at;
}

void tw_kick(struct tw_library *l)
{
    OK(BOSS(disk_kick, l->ring));
}

uint32_t tw_state(const struct tw_library *l, uint32_t slot)
{
    return header(l)->slots[slot].state;
}

void tw_finish(enum disk_result result)
{
    const struct disk_request r = fake_disk.requests[fake_disk.finished];
    uint8_t *buffer = arch_phys(r.address);

    if (r.op == DISK_WRITE && result == DISK_RESULT_OK)
        memcpy(tw_image[r.block], buffer, r.count * (size_t)DISK_BLOCK_BYTES);
    if (r.op == DISK_READ && result == DISK_RESULT_OK)
        memcpy(buffer, tw_image[r.block], r.count * (size_t)DISK_BLOCK_BYTES);
    if (tw_done && result == DISK_RESULT_OK)
        tw_done(&r);
    fake_disk_finishes(result);
    if (fake_disk.finished == fake_disk.given) {
        fake_disk.finished = fake_disk.given = 0;
        tw_rounds++;
    }
    hook_disk_interrupt();
    world_check();
}

uint32_t tw_do(struct tw_library *l, uint32_t op, uint32_t block, uint32_t count, uint32_t page)
{
    uint32_t slot = tw_post(l, op, block, count, page);

    tw_kick(l);
    while (fake_disk.finished < fake_disk.given)
        tw_finish(DISK_RESULT_OK);
    return tw_state(l, slot);
}

uint32_t tw_write(struct tw_library *l, uint32_t type, uint32_t block, uint32_t runs,
                  const struct tree_run *run)
{
    struct tw_meta *m = tw_page(l, 0);

    memset(m, 0, DISK_BLOCK_BYTES);
    m->magic = TW_MAGIC;
    for (uint32_t i = 0; i < runs; i++)
        m->runs[i] = run[i];
    return tw_do(l, DISK_OF(DISK_WRITE, type), block, 1, 0);
}

void tw_flush(struct tw_library *l)
{
    assert_int_equal(tw_do(l, DISK_FLUSH, 0, 0, 0), DISK_DONE);
}

struct tree_block tw_look(slot_t tree, uint32_t block)
{
    OK(BOSS(tree_read, tree, block, 1, BLOCKS));
    return *(const struct tree_block *)memory_of(world.boss, BLOCKS);
}

struct tree_load tw_new_tree(void)
{
    return (struct tree_load){.root = ROOT, .type = META, .is_new = 1, .copies = 2};
}

int tw_set_up(void **state)
{
    tw_begin(state);
    OK(tw_tree(TW_EXTENT, TW_TREE, tw_new_tree()));
    tw_library(&tw_lib, 0, TW_TREE);
    IS(EMPTY(META, ROOT), DISK_DONE);
    tw_flush(&tw_lib);
    return 0;
}

void tw_prepare(uint32_t type, uint32_t block)
{
    IS(EMPTY(type, block), DISK_DONE);
    tw_flush(&tw_lib);
}

uint8_t tw_state_of(uint32_t block)
{
    return tw_look(TW_TREE, block).state;
}

uint32_t tw_owner_of(uint32_t block)
{
    return tw_look(TW_TREE, block).owner;
}
