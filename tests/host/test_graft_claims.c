/*
 * Host test of proofs by chance: right proofs are changed at random, and so are their programs.
 * Whatever is accepted is run on random packets: every access must be allowed, no run may take
 * more instructions than were proven and fuel pays for, and wherever a claim stands one of its
 * states must be true: numbers, pointers, what classes and marks say.
 */
#include "tests/host/host.h"

#include "grafts/checker.h"
#include "grafts/hook.h"
#include "tests/host/graft_asm.h"
#include "tests/host/graft_proof.h"
#include "tests/host/graft_scalar.h"
#include "tests/host/graft_world.h"

#define ROUNDS  60000u
#define RUNS    6u
#define OPEN    8u
#define POINTS  4u
#define CODE    64u
#define NUMBERS 160u
#define SETTLED                                                                                    \
    4u /* per cent of changed proofs that must be accepted, or the test shows nothing              \
        */

#define LDMAP(dst, map)         INSN(0x18, dst, 5, 0, map), INSN(0, 0, 0, 0, 0)
#define LDVALUE(dst, map, from) INSN(0x18, dst, 6, 0, map), INSN(0, 0, 0, 0, from)
#define LIST(...)               __VA_ARGS__

struct subject {
    const char *what;
    enum graft_reason reason;
    struct insn code[CODE];
    uint32_t count;
    uint64_t numbers[NUMBERS];
    uint32_t number_count;
};

/* Laid out by hand: rows of a table. */
/* clang-format off */
static const struct subject rows[] = {
#define PROOF(what, reason, at, code, numbers) \
    {what, GRAFT_##reason, {LIST code}, sizeof((struct insn[]){LIST code}) / sizeof(struct insn), \
     {LIST numbers}, sizeof((uint64_t[]){LIST numbers}) / sizeof(uint64_t)},
#include "tests/vectors/bpf/proof.def"
#undef PROOF
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof rows[0])

static uint64_t seed = 0x9d2c5680cafef00d;

static uint32_t pick(uint32_t below)
{
    return (uint32_t)((asm_random(&seed) >> 20) % below);
}

/* What is known of a run that nobody else knows. */
struct trial {
    struct subject s;
    uint8_t proof[NUMBERS * 10];
    uint32_t proof_bytes;
    struct graft_program program;
    struct graft_fuel_point points[POINTS];
    struct proof_loop loops[8];
    uint32_t loop_count;
    uint64_t rank[8];          /* of each loop, when its head was last passed */
    struct proof claims[CODE]; /* where the states of each instruction's claim begin */
    uint8_t states[CODE + 1];  /* how many, plus 1; 0: no claim */
};

static void change_number(struct trial *t)
{
    static const uint64_t some[] = {0, 1, 2, 3, 9, 10, 16, 127, 255, UINT32_MAX, UINT64_MAX};
    uint32_t at = pick(t->s.number_count);
    uint64_t *x = &t->s.numbers[at];

    switch (pick(6)) {
    case 0:
        *x = some[pick(sizeof some / sizeof some[0])];
        break;
    case 1:
    case 2:
        *x += 1;
        break;
    case 3:
        *x -= 1;
        break;
    case 4:
        *x *= 2;
        break;
    default:
        *x = t->s.numbers[pick(t->s.number_count)];
        break;
    }
}

static void change_code(struct trial *t)
{
    struct insn *i = &t->s.code[pick(t->s.count)];

    switch (pick(5)) {
    case 0:
        i->offset = (int16_t)(i->offset + (int16_t)pick(5) - 2);
        break;
    case 1:
        i->imm = (int32_t)((uint32_t)i->imm + pick(5) - 2);
        break;
    case 2:
        i->registers = (uint8_t)(pick(11) | (i->registers & 0xf0));
        break;
    case 3:
        i->registers = (uint8_t)(pick(11) << 4 | (i->registers & 0x0f));
        break;
    default:
        i->opcode = (uint8_t)(i->opcode ^ (pick(2) ? 0x10 << pick(4) : 8));
        break;
    }
}

static bool accepted(struct trial *t)
{
    static _Alignas(16) uint8_t work[GRAFT_WORK_BYTES(CODE, OPEN)];
    struct graft_report r;

    t->proof_bytes = proof_encode(t->s.numbers, t->s.number_count, t->proof);
    struct graft_input in = {.code = t->s.code,
                             .count = t->s.count,
                             .hook = GRAFT_HOOK_PACKET_FILTER,
                             .proof = t->proof,
                             .proof_bytes = t->proof_bytes,
                             .map_count = WORLD_MAPS,
                             .maps = world_maps,
                             .points = t->points,
                             .point_room = POINTS};

    return graft_check(&in, work, sizeof work, &t->program, &r) == GRAFT_ACCEPTED;
}

/* Reads the accepted proof as the checker did. */
static void index_claims(struct trial *t)
{
    struct proof p;
    struct proof_claim claim;
    struct state s;

    memset(t->states, 0, sizeof t->states);
    assert_true(proof_begin(&p, t->proof, t->proof_bytes, t->s.count, WORLD_MAPS));
    t->loop_count = p.loops;
    assert_in_range(t->loop_count, 0, 8);
    for (uint32_t i = 0; i < t->loop_count; i++)
        proof_take_loop(&p, i, &t->loops[i]);
    for (uint32_t left = proof_take_claims(&p); left > 0; left--) {
        proof_take_claim(&p, &claim);
        t->claims[claim.at] = p;
        t->states[claim.at] = (uint8_t)(claim.states + 1);
        for (uint32_t n = 0; n < claim.states; n++)
            proof_take_state(&p, &s);
    }
    assert_false(p.broken);
}

/* Where the object begins that an address in it belongs to, or 0. */
static uint64_t object_of(const struct world *w, const struct value *v, uint64_t x)
{
    if (v->kind == VALUE_MAP_VALUE || v->kind == VALUE_MAP_VALUE_OR_NULL)
        return (uintptr_t)w->value[v->map];
    for (uint32_t i = 0; i < WORLD_RECORDS; i++)
        if (w->record_bytes[i] != 0 && x - (uintptr_t)w->record[i] < 4096)
            return (uintptr_t)w->record[i];
    return 0;
}

/* What an abstract n of 0 stands for. */
static uint64_t origin_of(const struct world *w, const struct value *v, uint64_t x)
{
    switch (v->kind) {
    case VALUE_CONTEXT:
        return (uintptr_t)&w->context;
    case VALUE_PACKET:
        return w->context.data;
    case VALUE_PACKET_END:
        return w->context.data_end;
    case VALUE_STACK:
        return (uintptr_t)w->stack + sizeof w->stack;
    case VALUE_MAP:
        return world_map(w, v->map);
    case VALUE_NUMBER:
        return 0;
    default:
        return object_of(w, v, x);
    }
}

static bool is_true_value(const struct trial *t, const struct world *w, struct value *v, uint64_t x)
{
    bool may_be_null = v->kind == VALUE_MAP_VALUE_OR_NULL || v->kind == VALUE_RECORD_OR_NULL;

    if (may_be_null && x == 0)
        return true;
    assert_true(scalar_tighten(&v->n));
    if (!scalar_contains(&v->n, x - origin_of(w, v, x)))
        return false;
    if (v->kind == VALUE_PACKET && (int64_t)(w->context.data_end - x) < v->ahead)
        return false;
    if (v->mark == 0)
        return true;
    int64_t moved = (int64_t)(x - t->rank[v->mark - 1]);
    return (t->loops[v->mark - 1].down ? -moved : moved) >= v->moved;
}

/* What members of a class have in common. */
static uint64_t base_of(const struct world *w, const struct value *v, uint64_t x)
{
    if (v->kind == VALUE_NUMBER || v->kind == VALUE_PACKET)
        return x - (uint64_t)v->fixed;
    return x ? object_of(w, v, x) : 0;
}

static bool is_true_state(const struct trial *t, const struct world *w, const struct interp *m,
                          struct state *s)
{
    uint64_t base[STATE_CLASSES];
    bool seen[STATE_CLASSES] = {[0] = true};

    base[0] = w->context.data;
    for (uint32_t place = 0; place < STATE_SLOT_PLACE + STATE_SLOTS; place++) {
        struct value *v = state_place(s, place);
        uint64_t x = place < INSN_REGISTERS ? m->reg[place] : 0;
        if (!v)
            continue;
        if (place >= STATE_SLOT_PLACE)
            memcpy(&x, w->stack + sizeof w->stack - 8 * (place - STATE_SLOT_PLACE + 1), 8);
        if (!is_true_value(t, w, v, x))
            return false;
        bool has_class = v->base < STATE_CLASSES && (v->base != 0 || v->kind == VALUE_PACKET);
        if (has_class && seen[v->base] && base[v->base] != base_of(w, v, x))
            return false;
        if (has_class) {
            seen[v->base] = true;
            base[v->base] = base_of(w, v, x);
        }
    }
    return s->packet_length <= w->context.length && s->held_count >= world_held(w);
}

/* Something at the claim before instruction m->at must be true. Then notes the rank of a head. */
static void check_claim(struct trial *t, const struct world *w, const struct interp *m)
{
    struct proof p = t->claims[m->at];
    bool any = t->states[m->at] == 0;
    struct state s;

    for (uint32_t n = 1; n < t->states[m->at] && !any; n++) {
        proof_take_state(&p, &s);
        any = is_true_state(t, w, m, &s);
    }
    if (!any)
        fail_msg("%s, changed: none of the states at slot %u is true", t->s.what, m->at);
    for (uint32_t i = 0; i < t->loop_count; i++) {
        uint32_t place = t->loops[i].rank - 1;
        if (t->states[m->at] == 0 || t->loops[i].head != m->at || t->loops[i].rank == 0)
            continue;
        t->rank[i] = place < INSN_REGISTERS ? m->reg[place] : 0;
        if (place >= STATE_SLOT_PLACE)
            memcpy(&t->rank[i], w->stack + sizeof w->stack - 8 * (place - STATE_SLOT_PLACE + 1), 8);
    }
}

/* Takes the charge when a fuel point is here. False: the tank is empty. */
static bool pay(const struct graft_program *p, uint32_t at, int64_t *fuel)
{
    for (uint32_t i = 0; i < p->point_count; i++)
        if (p->points[i].at == at)
            *fuel -= p->points[i].charge;
    return *fuel >= 0;
}

/* Returns r0, or 0 when fuel ran out. */
static uint64_t run(struct trial *t, struct world *w, const uint8_t *packet, uint32_t length,
                    uint8_t garbage, uint64_t calls)
{
    struct interp_guard guard = {.allows = world_allows, .helper = world_helper, .self = w};
    struct insn linked[CODE];
    struct interp m = {.code = linked, .count = t->s.count, .max_depth = 1, .guard = &guard};
    enum interp_end end = INTERP_STEPS;
    int64_t fuel = t->program.fuel;
    uint64_t left = (uint64_t)t->program.steps + (uint64_t)fuel;

    memcpy(linked, t->s.code, sizeof linked);
    world_link(w, linked, t->s.count);
    world_begin(w, &m, packet, length, garbage, calls);
    while (end == INTERP_STEPS) {
        check_claim(t, w, &m);
        if (!pay(&t->program, m.at, &fuel)) {
            free(w->packet);
            return 0;
        }
        if (left-- == 0)
            break;
        m.steps_left = 1;
        end = interp_run(&m);
    }
    free(w->packet);
    if (end != INTERP_EXIT)
        fail_msg("%s, changed: ended with %u at slot %u", t->s.what, end, m.at);
    assert_int_equal(world_held(w), 0);
    return m.reg[0];
}

static void run_in_two_worlds(struct trial *t)
{
    static struct world one, two;
    uint8_t packet[WORLD_MAX_PACKET];

    index_claims(t);
    for (unsigned n = 0; n < RUNS; n++) {
        uint32_t length = pick(WORLD_MAX_PACKET + 1);
        uint64_t calls = asm_random(&seed);
        for (uint32_t i = 0; i < length; i++)
            packet[i] = pick(3) ? (uint8_t)pick(256) : (uint8_t)(0 - pick(2));
        if (run(t, &one, packet, length, 0x00, calls) != run(t, &two, packet, length, 0xff, calls))
            fail_msg("%s, changed: a result depends on addresses or old contents", t->s.what);
    }
}

static unsigned count_accepted(bool with_code)
{
    static struct trial t;
    unsigned count = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        do
            t.s = rows[pick(ROWS)];
        while (t.s.reason != GRAFT_ACCEPTED && pick(4));
        for (uint32_t hits = pick(4); hits > 0; hits--)
            if (with_code && pick(2))
                change_code(&t);
            else
                change_number(&t);
        if (!accepted(&t))
            continue;
        count++;
        run_in_two_worlds(&t);
    }
    return count;
}

static void changed_proofs_are_still_true(void **state)
{
    (void)state;
    assert_in_range(count_accepted(false) * 100 / ROUNDS, SETTLED, 99);
}

static void changed_programs_keep_their_proofs(void **state)
{
    (void)state;
    assert_in_range(count_accepted(true) * 100 / ROUNDS, SETTLED, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_proofs_are_still_true),
        cmocka_unit_test(changed_programs_keep_their_proofs),
    };
    return cmocka_run_group_tests_name("grafts/claims", tests, NULL, NULL);
}
