/* Experiments: what a graft costs at a place, and what checking one costs. */
#include "exo/abi/elf.h"
#include "exo/abi/graft.h"
#include "exo/abi/graft_object.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/string.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/lab.h"

#define BIT         ((word_t)1)
#define CODE_MOST   16384u /* instructions */
#define BLOCK       16u
#define MACHINE_BPF 247u
#define TYPE_REL    1u
#define LENGTH_AT   16 /* of struct graft_packet */

/* eBPF, RFC 9669. */
#define LOAD_WORD 0x61
#define JUMP_NE   0x55
#define ADD       0x07
#define SET       0xb7
#define COPY      0xbf
#define EXIT      0x95

struct section {
    uint32_t name, type;
    uint64_t flags, address, offset, bytes;
    uint32_t link, info;
    uint64_t alignment, entry_bytes;
};

struct insn {
    uint8_t opcode, registers;
    int16_t offset;
    int32_t immediate;
};

/* An object with one section of code, and the names of both. */
static struct {
    struct elf_header header;
    char names[32];
    struct section sections[3];
    struct insn code[CODE_MOST];
} object;

static struct lab_series series;
static uint64_t bare; /* notify_wait without graft */

static void wait_for_what_is_there(void *argument, uint32_t round)
{
    (void)round;
    exo_notify_wait(*(slot_t *)argument, BIT, 0);
}

static void raise(void *argument, uint32_t round)
{
    (void)round;
    exo_notify(*(slot_t *)argument, BIT);
}

/* A wait for what is there already, with a graft that says yes, less one without. */
static void empty_graft(const struct archive *a)
{
    slot_t note, graft = lab_graft(a, ".exo4/wake_any.o", GRAFT_HOOK_WAKE_UP, SLOT_NONE);

    if (notify_new(&note))
        lab_fail("graft.empty.wake_up", ERR_NO_MEM);
    lab_measure(&series, raise, wait_for_what_is_there, &note);
    bare = lab_median(&series);
    lab_bind("graft.empty.wake_up", graft, SLOT_THREAD, GRAFT_HOOK_WAKE_UP);
    lab_measure(&series, raise, wait_for_what_is_there, &note);
    lab_report("graft.empty.wake_up", &series, bare, 1, 1);
    slot_delete(graft);
    slot_delete(note);
}

/* Blocks, each for one length of packet, so that no path is long. The last instruction but one
 * gives an address away: what is counted ends with the refusal, after all has been checked. */
static void make_code(uint32_t count)
{
    struct insn *i = object.code;

    *i++ = (struct insn){LOAD_WORD, 2 | 1 << 4, LENGTH_AT, 0};
    while (i + BLOCK + 3 <= object.code + count) {
        *i++ = (struct insn){JUMP_NE, 2, BLOCK - 1, (int32_t)(i - object.code)};
        *i++ = (struct insn){SET, 0, 0, 1};
        for (unsigned k = 0; k < BLOCK - 3; k++)
            *i++ = (struct insn){ADD, 0, 0, (int32_t)k};
        *i++ = (struct insn){EXIT, 0, 0, 0};
    }
    while (i < object.code + count - 2)
        *i++ = (struct insn){SET, 0, 0, 0};
    *i++ = (struct insn){COPY, 0 | 1 << 4, 0, 0};
    *i = (struct insn){EXIT, 0, 0, 0};
}

static size_t make_object(uint32_t count)
{
    static const char names[] = "\0" GRAFT_SECTION_CODE;
    const uint32_t code = (uint32_t)((char *)object.code - (char *)&object);

    memcpy(object.names, names, sizeof names);
    object.sections[1] = (struct section){
        .name = 1, .type = 1, .flags = 6, .offset = code, .bytes = count * sizeof(struct insn)};
    object.sections[2] =
        (struct section){.type = 3,
                         .offset = (uint64_t)((char *)object.names - (char *)&object),
                         .bytes = sizeof object.names};
    object.header =
        (struct elf_header){.magic = ELF_MAGIC,
                            .class = ELF_CLASS_64,
                            .order = ELF_LITTLE,
                            .ident = {1},
                            .type = TYPE_REL,
                            .machine = MACHINE_BPF,
                            .version = 1,
                            .header_bytes = sizeof object.header,
                            .section_bytes = sizeof object.sections[0],
                            .sections = (uint64_t)((char *)object.sections - (char *)&object),
                            .section_count = 3,
                            .section_names = 2};
    make_code(count);
    return code + count * sizeof(struct insn);
}

/* The whole call: copying the object, checking, giving the frames back. */
static void check(const char *key, uint32_t count)
{
    size_t bytes = make_object(count);
    slot_t slot;

    if (slot_take(&slot))
        lab_fail(key, ERR_NO_MEM);
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        enum err e = lab_graft_create(slot, &object, bytes, GRAFT_HOOK_PACKET_HANDLER, SLOT_NONE);
        lab_keep(&series, i, lab_stamp() - begin, before);
        if (e != ERR_BAD_GRAFT)
            lab_fail(key, e);
    }
    lab_report(key, &series, lab_empty(), count, 1);
    slot_give(slot);
}

void lab_grafts(const struct archive *a)
{
    empty_graft(a);
    check("graft.check.64", 64);
    check("graft.check.1024", 1024);
    check("graft.check.16384", CODE_MOST);
}
