/* Flow: edges, order, dominators, loops. */
#include "grafts/prover/flow.h"

static _Noreturn void fail(const struct flow *f, const char *text, const char *hint, uint32_t at)
{
    work_fail_at(f->work, text, f->program->function, hint,
                 at < f->program->count ? &f->program->lines[at] : NULL);
}

static void find_edges(struct flow *f)
{
    const struct linked *p = f->program;

    for (uint32_t at = 0; at < p->count; at++) {
        uint8_t form = insn_shapes[p->code[at].opcode].form;
        struct flow_place *place = &f->at[at];
        place->next[0] = place->next[1] = FLOW_NONE;
        if (form == FORM_WIDE) {
            if (at + 1 >= p->count)
                fail(f, "a 64-bit load is cut in two", "compile again", at);
            f->at[at + 1].half = true;
            f->at[at + 1].next[0] = f->at[at + 1].next[1] = FLOW_NONE;
        }
        if (form == FORM_JUMP || form == FORM_GOTO) {
            int64_t target = insn_target(&p->code[at], at);
            if (target < 0 || target >= p->count)
                fail(f, "a jump leaves the program", "compile again", at);
            place->next[1] = (uint32_t)target;
        }
        if (form != FORM_GOTO && form != FORM_EXIT)
            place->next[0] = at + (form == FORM_WIDE ? 2 : 1);
        if (place->next[0] != FLOW_NONE && place->next[0] >= p->count)
            fail(f, "execution runs past the last instruction", "end every path with exit", at);
        at += form == FORM_WIDE;
    }
}

static void count_edges(struct flow *f)
{
    f->at[0].edges = 1;
    for (uint32_t at = 0; at < f->program->count; at++)
        for (unsigned k = 0; k < 2; k++) {
            uint32_t to = f->at[at].next[k];
            if (to == FLOW_NONE)
                continue;
            if (f->at[to].half)
                fail(f, "a jump goes into the middle of a 64-bit load", "compile again", at);
            if (f->at[to].edges < 2)
                f->at[to].edges++;
        }
}

/* Search in depth; `way` and `tried` are the way to where it is. */
static void find_order(struct flow *f)
{
    uint32_t count = f->program->count, depth = 0, first = count;
    uint32_t *way = work_take(f->work, count, sizeof *way);
    uint8_t *tried = work_take(f->work, count, 1); /* 0: not seen; else 1 + edges followed */
    uint32_t *order = work_take(f->work, count, sizeof *order);

    way[depth++] = 0;
    tried[0] = 1;
    while (depth > 0) {
        uint32_t at = way[depth - 1];
        if (tried[at] == 3) {
            order[--first] = at;
            depth--;
            continue;
        }
        uint32_t to = f->at[at].next[2 - tried[at]++]; /* the jump first: what falls comes next */
        if (to != FLOW_NONE && !tried[to]) {
            tried[to] = 1;
            way[depth++] = to;
        }
    }
    f->order = order + first;
    f->order_count = count - first;
    for (uint32_t k = 0; k < f->order_count; k++)
        f->at[f->order[k]].order = k;
    for (uint32_t at = 0; at < count; at++)
        if (!tried[at] && !f->at[at].half)
            fail(f, "no path leads to this instruction", "remove it", at);
}

/* Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm", 2001. */
static uint32_t meet(const struct flow *f, uint32_t a, uint32_t b)
{
    while (a != b) {
        if (f->at[a].order > f->at[b].order)
            a = f->at[a].dominator;
        else
            b = f->at[b].dominator;
    }
    return a;
}

static void find_dominators(struct flow *f)
{
    bool changed = true;

    for (uint32_t k = 0; k < f->order_count; k++)
        f->at[f->order[k]].dominator = k ? FLOW_NONE : 0;
    while (changed) {
        changed = false;
        for (uint32_t k = 0; k < f->order_count; k++) {
            uint32_t from = f->order[k];
            for (unsigned e = 0; e < 2; e++) {
                uint32_t to = f->at[from].next[e];
                if (to == FLOW_NONE || to == 0)
                    continue;
                uint32_t old = f->at[to].dominator;
                uint32_t now = old == FLOW_NONE ? from : meet(f, old, from);
                changed = changed || now != old;
                f->at[to].dominator = now;
            }
        }
    }
}

static bool dominates(const struct flow *f, uint32_t a, uint32_t b)
{
    while (f->at[b].order > f->at[a].order)
        b = f->at[b].dominator;
    return a == b;
}

/* Edges from later to earlier: each must go to a loop's only entry. is_head tells whose. */
static void check_back_edges(const struct flow *f, bool *is_head)
{
    for (uint32_t k = 0; k < f->order_count; k++)
        for (unsigned e = 0; e < 2; e++) {
            uint32_t from = f->order[k], to = f->at[from].next[e];
            if (to == FLOW_NONE || f->at[to].order > k)
                continue;
            if (!dominates(f, to, from))
                fail(f, "a loop can be entered at two places", "no goto into a loop", from);
            is_head[to] = true;
        }
}

/* Who leads to whom, as lists: of instruction `at`, from[first[at]] to from[first[at + 1] - 1]. */
struct reverse {
    uint32_t *first, *from;
};

static struct reverse reverse_edges(const struct flow *f)
{
    uint32_t count = f->program->count;
    struct reverse r = {work_take(f->work, count + 2, 4), work_take(f->work, 2 * count + 1, 4)};

    for (uint32_t at = 0; at < count; at++)
        for (unsigned e = 0; e < 2; e++)
            if (f->at[at].next[e] != FLOW_NONE)
                r.first[f->at[at].next[e] + 2]++;
    for (uint32_t at = 2; at < count + 2; at++)
        r.first[at] += r.first[at - 1];
    for (uint32_t at = 0; at < count; at++)
        for (unsigned e = 0; e < 2; e++)
            if (f->at[at].next[e] != FLOW_NONE)
                r.from[r.first[f->at[at].next[e] + 1]++] = at;
    return r;
}

/* Gives `number` to all that the loop of `head` holds: what leads to its back edges. */
static void fill_loop(struct flow *f, const struct reverse *r, uint32_t head, uint32_t number,
                      uint32_t *stack)
{
    uint32_t depth = 0;

    f->at[head].loop = number;
    stack[depth++] = head;
    while (depth > 0) {
        uint32_t at = stack[--depth];
        for (uint32_t k = r->first[at]; k < r->first[at + 1]; k++) {
            uint32_t from = r->from[k];
            bool is_entry = at == head && f->at[from].order < f->at[head].order;
            if (is_entry || f->at[from].loop == number)
                continue;
            f->at[from].loop = number;
            stack[depth++] = from;
        }
    }
}

/* Outer heads come first in the order, so inner loops are filled in later. */
static void find_loops(struct flow *f)
{
    bool *is_head = work_take(f->work, f->program->count, sizeof *is_head);
    uint32_t *stack = work_take(f->work, f->program->count + 1, sizeof *stack);
    struct reverse r = reverse_edges(f);
    uint32_t count = 0;

    check_back_edges(f, is_head);
    for (uint32_t at = 0; at < f->program->count; at++) {
        count += is_head[at];
        f->at[at].loop = FLOW_NONE;
    }
    f->loops = work_take(f->work, count, sizeof *f->loops);
    for (uint32_t k = 0; k < f->order_count; k++) {
        uint32_t head = f->order[k], parent = f->at[head].loop;
        if (!is_head[head])
            continue;
        f->loops[f->loop_count] =
            (struct flow_loop){head, parent, parent == FLOW_NONE ? 1 : f->loops[parent].depth + 1};
        fill_loop(f, &r, head, f->loop_count++, stack);
    }
}

bool flow_is_in(const struct flow *f, uint32_t at, uint32_t loop)
{
    uint32_t own = f->at[at].loop;

    while (own != loop && own != FLOW_NONE)
        own = f->loops[own].parent;
    return own == loop;
}

static void find_exits(struct flow *f)
{
    for (uint32_t at = 0; at < f->program->count; at++)
        for (unsigned e = 0; e < 2; e++) {
            uint32_t to = f->at[at].next[e];
            if (to != FLOW_NONE && !flow_is_in(f, to, f->at[at].loop))
                f->at[to].leaves = true;
        }
}

void flow_find(struct flow *f, struct work *w, const struct linked *program)
{
    *f = (struct flow){.work = w, .program = program};
    f->at = work_take(w, program->count + 1, sizeof *f->at);
    find_edges(f);
    count_edges(f);
    find_order(f);
    find_dominators(f);
    find_loops(f);
    find_exits(f);
    flow_find_live(f);
}
