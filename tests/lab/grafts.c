/* Experiments: what a graft costs at a place, and what checking one costs. */
#include "exo/abi/graft.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/string.h"
#include "tests/lab/graft_object.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/lab.h"

#define BIT       ((word_t)1)
#define BLOCK     16u
#define LENGTH_AT 16 /* of struct graft_packet */
#define LOOP      5u /* instructions of a counting loop */
#define TURNS     10u
#define TURN      3u  /* instructions */
#define LEAVING   10u /* likewise, at most, with what is behind it up to the next loop or exit */

/* eBPF, RFC 9669. */
#define LOAD_WORD 0x61
#define JUMP_NE   0x55
#define ADD       0x07
#define ADD_REG   0x0f
#define SET       0xb7
#define COPY      0xbf
#define EXIT      0x95

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
static void empty_graft(void)
{
    slot_t note, graft = lab_constant(GRAFT_HOOK_WAKE_UP, 1);

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
    struct lab_insn *i = lab_code;

    *i++ = (struct lab_insn){LOAD_WORD, 2 | 1 << 4, LENGTH_AT, 0};
    while (i + BLOCK + 3 <= lab_code + count) {
        *i++ = (struct lab_insn){JUMP_NE, 2, BLOCK - 1, (int32_t)(i - lab_code)};
        *i++ = (struct lab_insn){SET, 0, 0, 1};
        for (unsigned k = 0; k < BLOCK - 3; k++)
            *i++ = (struct lab_insn){ADD, 0, 0, (int32_t)k};
        *i++ = (struct lab_insn){EXIT, 0, 0, 0};
    }
    while (i < lab_code + count - 2)
        *i++ = (struct lab_insn){SET, 0, 0, 0};
    *i++ = (struct lab_insn){COPY, 0 | 1 << 4, 0, 0};
    *i = (struct lab_insn){EXIT, 0, 0, 0};
}

/* Counting loops, one behind the other; at the end an address is given away likewise. */
static void make_loops(uint32_t count)
{
    struct lab_insn *i = lab_code;

    while (i + LOOP + 2 <= lab_code + count) {
        *i++ = (struct lab_insn){SET, 0, 0, 0};
        *i++ = (struct lab_insn){SET, 1, 0, 0};
        *i++ = (struct lab_insn){ADD_REG, 0 | 1 << 4, 0, 0};
        *i++ = (struct lab_insn){ADD, 1, 0, 1};
        *i++ = (struct lab_insn){JUMP_NE, 1, -(int16_t)TURN, (int32_t)TURNS};
    }
    while (i < lab_code + count - 2)
        *i++ = (struct lab_insn){SET, 0, 0, 0};
    *i++ = (struct lab_insn){COPY, 0 | 10 << 4, 0, 0};
    *i = (struct lab_insn){EXIT, 0, 0, 0};
}

/* A number of a proof: decision 35. */
static uint8_t *put(uint8_t *at, uint32_t x)
{
    for (; x > 0x7f; x >>= 7)
        *at++ = (uint8_t)(0x80 | x);
    *at++ = (uint8_t)x;
    return at;
}

/* What is so of each loop: r1 counts up by 1 and is 0 to 9 at the head; r0 is some number. Returns
 * the bytes. */
static uint32_t make_proof(uint32_t count)
{
    static const uint8_t claim[] = {0, 1, 5, 3 * 8, 2, 2 + 16, 0, TURNS - 1};
    const uint32_t loops = (count - 2) / LOOP;
    uint8_t *begin = (uint8_t *)(lab_code + count), *at = put(put(begin, 2), loops);

    for (uint32_t k = 0; k < loops; k++) {
        at = put(put(put(at, k * LOOP + 2), 0), 2);          /* head, no parent, rank r1 */
        at = put(put(put(put(at, 0), 1), 0), TURNS - 1);     /* up, by 1, from 0 */
        at = put(put(at, k * TURNS * LEAVING + 2), LEAVING); /* steps before it; of a turn */
    }
    at = put(at, loops);
    for (uint32_t k = 0; k < loops; k++) {
        at = put(put(at, k ? LOOP - 1 : 2), k + 1); /* how far from the last; the loop */
        memcpy(at, claim, sizeof claim);
        at += sizeof claim;
    }
    return (uint32_t)(at - begin);
}

/* The whole call: copying the object, checking, giving the frames back. */
static void check(const char *key, uint32_t count, bool proven)
{
    static struct graft_report report;
    const uint64_t empty = lab_empty();
    uint32_t proof_bytes = 0;
    size_t bytes;
    slot_t slot;

    if (proven) {
        make_loops(count);
        proof_bytes = make_proof(count);
    } else {
        make_code(count);
    }
    const void *at = lab_object(count, proof_bytes, &bytes);
    if (slot_take(&slot))
        lab_fail(key, ERR_NO_MEM);
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        enum err e = lab_graft_create(slot, at, bytes, GRAFT_HOOK_PACKET_HANDLER, NULL, 0, &report);
        lab_keep(&series, i, lab_stamp() - begin, before);
        if (e != ERR_BAD_GRAFT || report.instruction != count - 1)
            lab_fail(key, e);
    }
    lab_report(key, &series, empty, count, 1);
    slot_give(slot);
}

void lab_grafts(const struct archive *a)
{
    (void)a;
    empty_graft();
    check("graft.check.64", 64, false);
    check("graft.check.1024", 1024, false);
    check("graft.check.16384", 16384, false);
    check("graft.check.65536", LAB_CODE_MOST, false);
    check("graft.check.loops.64", 64, true);
    check("graft.check.loops.1024", 1024, true);
    check("graft.check.loops.16384", 16384, true);
}
