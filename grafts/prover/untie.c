/* Loops with several registers that move in step: see untie.h. */
#include "grafts/prover/untie.h"

#include "grafts/prover/flow.h"
#include "grafts/prover/linker.h"

#define UNKNOWN 0xffu

/* What each register is: the value that some register had at the loop's head, and a constant. */
struct linear {
    bool is_seen;
    uint8_t source[INSN_FRAME];
    int64_t offset[INSN_FRAME];
};

/* In loop `loop`, whenever its head is passed: tied == kept + ratio * leader, where kept is what
 * was so when the loop was entered. */
struct tie {
    uint32_t loop;
    uint8_t leader, tied;
    uint8_t spare; /* a register that nobody reads there, for ratios other than 1 and -1 */
    int32_t ratio;
    int16_t slot; /* where `kept` lies, from r10 */
};

struct untie {
    struct work *work;
    struct linked *program;
    struct flow flow;
    struct function list; /* the program */
    uint32_t *item_of;    /* of each slot */
    struct linear *before;
    struct tie *ties;
    uint32_t tie_count, tie_room;
    uint32_t stack; /* bytes in use */
};

static void step(struct linear *s, const struct insn *i)
{
    const struct insn_shape *shape = &insn_shapes[i->opcode];
    unsigned dst = insn_dst(i), src = insn_src(i);
    uint32_t writes = item_writes(i);

    if (shape->form == FORM_ALU && shape->bytes == 8 && i->offset == 0 && dst < INSN_FRAME) {
        if (shape->op == ALU_MOV && shape->by_reg && src < INSN_FRAME) {
            s->source[dst] = s->source[src];
            s->offset[dst] = s->offset[src];
            return;
        }
        if (!shape->by_reg && (shape->op == ALU_ADD || shape->op == ALU_SUB)) {
            int64_t by = shape->op == ALU_ADD ? i->imm : -(int64_t)i->imm;
            s->offset[dst] = (int64_t)((uint64_t)s->offset[dst] + (uint64_t)by);
            return;
        }
    }
    for (unsigned r = 0; r < INSN_FRAME; r++)
        if (writes & (1u << r))
            s->source[r] = UNKNOWN;
}

static bool meet(struct linear *into, const struct linear *from)
{
    bool changed = false;

    if (!into->is_seen) {
        *into = *from;
        return true;
    }
    for (unsigned r = 0; r < INSN_FRAME; r++)
        if (into->source[r] != UNKNOWN &&
            (into->source[r] != from->source[r] || into->offset[r] != from->offset[r])) {
            into->source[r] = UNKNOWN;
            changed = true;
        }
    return changed;
}

/* Follows registers from the head round the loop; *turn is what all back edges agree on. */
static void follow(struct untie *u, uint32_t loop, struct linear *turn)
{
    const struct flow *f = &u->flow;
    uint32_t head = f->loops[loop].head;
    bool changed = true;

    for (uint32_t at = 0; at < u->program->count; at++)
        u->before[at].is_seen = false;
    u->before[head].is_seen = true;
    for (uint8_t r = 0; r < INSN_FRAME; r++) {
        u->before[head].source[r] = r;
        u->before[head].offset[r] = 0;
    }
    turn->is_seen = false;
    while (changed) {
        changed = false;
        for (uint32_t k = f->at[head].order; k < f->order_count; k++) {
            uint32_t at = f->order[k];
            if (!u->before[at].is_seen || !flow_is_in(f, at, loop))
                continue;
            struct linear s = u->before[at];
            step(&s, &u->program->code[at]);
            for (unsigned e = 0; e < 2; e++) {
                uint32_t to = f->at[at].next[e];
                if (to != FLOW_NONE && flow_is_in(f, to, loop))
                    changed = meet(to == head ? turn : &u->before[to], &s) || changed;
            }
        }
    }
}

/* Is the register what some jump out of the loop asks for? */
static bool leads(const struct untie *u, uint32_t loop, unsigned reg)
{
    const struct flow *f = &u->flow;

    for (uint32_t k = f->at[f->loops[loop].head].order; k < f->order_count; k++) {
        uint32_t at = f->order[k];
        const struct insn *i = &u->program->code[at];
        const struct insn_shape *s = &insn_shapes[i->opcode];
        bool leaves =
            s->form == FORM_JUMP && flow_is_in(f, at, loop) &&
            (!flow_is_in(f, f->at[at].next[0], loop) || !flow_is_in(f, f->at[at].next[1], loop));
        if (!leaves || s->bytes != 8 || !u->before[at].is_seen)
            continue;
        if (insn_dst(i) < INSN_FRAME && u->before[at].source[insn_dst(i)] == reg)
            return true;
        if (s->by_reg && insn_src(i) < INSN_FRAME && u->before[at].source[insn_src(i)] == reg)
            return true;
    }
    return false;
}

static int64_t moves(const struct linear *turn, unsigned reg)
{
    return turn->is_seen && turn->source[reg] == reg ? turn->offset[reg] : 0;
}

static void add_tie(struct untie *u, uint32_t loop, unsigned leader, unsigned tied, int64_t ratio)
{
    uint16_t live = u->flow.at[u->flow.loops[loop].head].live;
    unsigned spare = 0;

    while (spare < INSN_FRAME && live >> spare & 1)
        spare++;
    if ((ratio != 1 && ratio != -1 && spare == INSN_FRAME) || ratio > INT16_MAX ||
        ratio < INT16_MIN || u->stack + 8 > GRAFT_STACK_BYTES)
        return;
    u->stack += 8;
    u->ties =
        work_grow(u->work, u->ties, &u->tie_room, u->tie_count, u->tie_count + 1, sizeof *u->ties);
    u->ties[u->tie_count++] = (struct tie){.loop = loop,
                                           .leader = (uint8_t)leader,
                                           .tied = (uint8_t)tied,
                                           .spare = (uint8_t)spare,
                                           .ratio = (int32_t)ratio,
                                           .slot = (int16_t) - (int32_t)u->stack};
}

static void find_ties(struct untie *u, uint32_t loop)
{
    uint16_t live = u->flow.at[u->flow.loops[loop].head].live;
    struct linear turn;
    unsigned leader = 0;

    follow(u, loop, &turn);
    while (leader < INSN_FRAME && !(moves(&turn, leader) && leads(u, loop, leader)))
        leader++;
    if (leader == INSN_FRAME)
        return;
    for (unsigned tied = 0; tied < INSN_FRAME; tied++) {
        int64_t by = moves(&turn, tied), own = moves(&turn, leader);
        if (tied != leader && by && (live >> tied & 1) && by % own == 0)
            add_tie(u, loop, leader, tied, by / own);
    }
}

/* The program as items again. */
static void read_list(struct untie *u)
{
    const struct linked *p = u->program;

    u->list.name = p->function;
    for (uint32_t at = 0; at < p->count; at++) {
        struct item item = {p->code[at], 0, LISTING_NONE, LISTING_NONE, p->lines[at]};
        u->item_of[at] = u->list.count;
        if (u->flow.at[at].next[1] != FLOW_NONE)
            item.target = u->flow.at[at].next[1];
        if (insn_shapes[item.insn.opcode].form == FORM_WIDE)
            item.high = p->code[++at].imm;
        listing_add(u->work, &u->list, &item);
    }
}

struct rewriting {
    struct untie *untie;
    struct function new;
    uint32_t *entry; /* of each old item: where who comes from outside of its loop goes */
    uint32_t *place; /* where the others go */
    struct object_line line;
};

static void put(struct rewriting *r, unsigned opcode, unsigned dst, unsigned src, int16_t offset,
                int32_t imm)
{
    struct item item = {{.opcode = (uint8_t)opcode,
                         .registers = (uint8_t)(dst | src << 4),
                         .offset = offset,
                         .imm = imm},
                        0,
                        LISTING_NONE,
                        LISTING_NONE,
                        r->line};
    listing_add(r->untie->work, &r->new, &item);
}

#define ADD_REGISTER 0x0f
#define SUB_REGISTER 0x1f
#define MUL_CONSTANT 0x27
#define MOV_REGISTER 0xbf
#define LOAD_WHOLE   0x79
#define STORE_WHOLE  0x7b
#define GOTO         0x05

/* tied += or -= ratio * leader. */
static void put_shift(struct rewriting *r, const struct tie *t, bool add)
{
    if (t->ratio == 1 || t->ratio == -1) {
        put(r, (t->ratio == 1) == add ? ADD_REGISTER : SUB_REGISTER, t->tied, t->leader, 0, 0);
        return;
    }
    put(r, MOV_REGISTER, t->spare, t->leader, 0, 0);
    put(r, MUL_CONSTANT, t->spare, 0, 0, t->ratio);
    put(r, add ? ADD_REGISTER : SUB_REGISTER, t->tied, t->spare, 0, 0);
}

/* Before the head: what is kept is stored once, and what is tied made from it at each turn. */
static void put_head(struct rewriting *r, uint32_t loop, uint32_t item, bool falls_from_inside)
{
    const struct untie *u = r->untie;
    uint32_t jump = r->new.count;

    if (falls_from_inside)
        put(r, GOTO, 0, 0, 0, 0);
    r->entry[item] = r->new.count;
    for (uint32_t k = 0; k < u->tie_count; k++) {
        const struct tie *t = &u->ties[k];
        if (t->loop != loop)
            continue;
        put_shift(r, t, false);
        put(r, STORE_WHOLE, INSN_FRAME, t->tied, t->slot, 0);
    }
    r->place[item] = r->new.count;
    if (falls_from_inside)
        r->new.items[jump].target = r->new.count | 0x80000000u;
    for (uint32_t k = 0; k < u->tie_count; k++) {
        const struct tie *t = &u->ties[k];
        if (t->loop != loop)
            continue;
        put(r, LOAD_WHOLE, t->tied, INSN_FRAME, t->slot, 0);
        put_shift(r, t, true);
    }
}

static bool has_tie(const struct untie *u, uint32_t loop)
{
    for (uint32_t k = 0; k < u->tie_count; k++)
        if (u->ties[k].loop == loop)
            return true;
    return false;
}

static void rewrite(struct untie *u)
{
    struct rewriting r = {.untie = u, .new = {.name = u->list.name}};
    uint32_t *slot_of = work_take(u->work, u->list.count, sizeof *slot_of);

    r.entry = work_take(u->work, u->list.count, sizeof *r.entry);
    r.place = work_take(u->work, u->list.count, sizeof *r.place);
    for (uint32_t at = 0; at < u->program->count; at++)
        if (!u->flow.at[at].half)
            slot_of[u->item_of[at]] = at;
    for (uint32_t k = 0; k < u->list.count; k++) {
        uint32_t at = slot_of[k], loop = u->flow.at[at].loop;
        struct item item = u->list.items[k];
        r.entry[k] = r.place[k] = r.new.count;
        r.line = item.line;
        if (loop != FLOW_NONE && u->flow.loops[loop].head == at && has_tie(u, loop)) {
            bool falls = k > 0 && item_falls_through(&u->list.items[k - 1].insn);
            put_head(&r, loop, k, falls && flow_is_in(&u->flow, slot_of[k - 1], loop));
        }
        listing_add(u->work, &r.new, &item);
        r.new.items[r.new.count - 1].callee = at; /* who jumps, until targets are resolved */
    }
    for (uint32_t k = 0; k < r.new.count; k++) {
        struct item *item = &r.new.items[k];
        if (item->target == LISTING_NONE)
            continue;
        if (item->target & 0x80000000u) {
            item->target &= 0x7fffffffu;
            continue;
        }
        uint32_t target = item->target, to = u->item_of[target], loop = u->flow.at[target].loop;
        bool from_inside = loop != FLOW_NONE && flow_is_in(&u->flow, item->callee, loop);
        item->target = from_inside ? r.place[to] : r.entry[to];
    }
    for (uint32_t k = 0; k < r.new.count; k++)
        r.new.items[k].callee = LISTING_NONE;
    u->list = r.new;
}

bool untie_registers(struct work *w, struct linked *p)
{
    struct untie u = {.work = w, .program = p};

    flow_find(&u.flow, w, p);
    u.item_of = work_take(w, p->count, sizeof *u.item_of);
    u.before = work_take(w, p->count, sizeof *u.before);
    read_list(&u);
    for (uint32_t k = 0; k < u.list.count; k++) /* slots to items, for listing_frame_bytes */
        if (u.list.items[k].target != LISTING_NONE)
            u.list.items[k].target = u.item_of[u.list.items[k].target];
    u.stack = listing_frame_bytes(w, &u.list);
    u.list.count = 0;
    read_list(&u);
    for (uint32_t k = 0; k < u.flow.loop_count; k++)
        find_ties(&u, k);
    if (u.tie_count == 0)
        return false;
    rewrite(&u);
    linker_emit(w, &u.list, p);
    return true;
}
