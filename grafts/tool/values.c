/* What is known of values, as text: see values.h. */
#include "grafts/tool/values.h"

#include <stdio.h>
#include <string.h>

struct text {
    char *at;
    size_t left;
};

static void add(struct text *t, const char *format, long long a, long long b)
{
    int n = snprintf(t->at, t->left, format, a, b);

    if (n < 0 || (size_t)n >= t->left)
        n = (int)t->left - 1;
    t->at += n;
    t->left -= (size_t)n;
}

static void add_text(struct text *t, const char *what)
{
    int n = snprintf(t->at, t->left, "%s", what);

    if (n < 0 || (size_t)n >= t->left)
        n = (int)t->left - 1;
    t->at += n;
    t->left -= (size_t)n;
}

/* Low bits that are 0 in all. */
static unsigned zeros(const struct scalar *n)
{
    unsigned k = 0;
    while (k < 16 && !((n->bits.value | n->bits.unknown) >> k & 1))
        k++;
    return k;
}

static void add_number(struct text *t, const struct scalar *n)
{
    bool is_signed = n->smin < 0 && n->umax > (uint64_t)INT64_MAX;

    if (n->umin == n->umax) {
        add(t, "%lld", n->smin, 0);
        return;
    }
    if (n->umin == 0 && n->umax == UINT64_MAX && n->smin == INT64_MIN && n->smax == INT64_MAX) {
        if (n->umin32 == 0 && n->umax32 == UINT32_MAX)
            add_text(t, "any");
        else
            add(t, "any (low half %lld..%lld)", n->umin32, n->umax32);
    } else if (is_signed) {
        add(t, "%lld..%lld", n->smin, n->smax);
    } else {
        char range[64];
        snprintf(range, sizeof range, "%llu..%llu", (unsigned long long)n->umin,
                 (unsigned long long)n->umax);
        add_text(t, range);
    }
    if (zeros(n))
        add(t, " by %lld", 1LL << zeros(n), 0);
}

static void add_offset(struct text *t, const struct scalar *n)
{
    if (n->smin == 0 && n->smax == 0)
        return;
    if (n->smin == n->smax)
        add(t, "%+lld", n->smin, 0);
    else
        add(t, "%+lld..%lld", n->smin, n->smax);
}

static void add_map(struct text *t, const struct linked *p, const struct value *v, const char *what)
{
    add_text(t, what);
    if (v->map < p->map_count && p->maps[v->map].name[0])
        add_text(t, p->maps[v->map].name);
    else
        add(t, "map %lld", v->map, 0);
}

static void add_what(struct text *t, const struct linked *p, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NUMBER:
        add_number(t, &v->n);
        return;
    case VALUE_CONTEXT:
        add_text(t, "context");
        break;
    case VALUE_PACKET:
        add_text(t, "packet");
        break;
    case VALUE_PACKET_END:
        add_text(t, "packet's end");
        return;
    case VALUE_STACK:
        add_text(t, "stack");
        break;
    case VALUE_MAP:
        add_map(t, p, v, "");
        return;
    case VALUE_MAP_VALUE:
        add_map(t, p, v, "value of ");
        break;
    case VALUE_MAP_VALUE_OR_NULL:
        add_map(t, p, v, "null or value of ");
        return;
    case VALUE_RECORD:
        add_text(t, "record");
        break;
    case VALUE_RECORD_OR_NULL:
        add_text(t, "null or record");
        return;
    default:
        add_text(t, "of several kinds");
        return;
    }
    add_offset(t, &v->n);
}

void value_print(const struct linked *p, const struct value *v, char text[VALUES_TEXT])
{
    struct text t = {text, VALUES_TEXT};

    text[0] = '\0';
    add_what(&t, p, v);
    if (v->kind == VALUE_PACKET && v->ahead > 0)
        add(&t, ", %lld ahead", v->ahead, 0);
    if (v->base > 0 && v->base < STATE_CLASSES)
        add(&t, v->fixed ? ", is #%lld%+lld" : ", is #%lld", v->base, v->fixed);
    if (v->mark)
        add(&t, ", moved %lld since the head of loop %lld", v->moved, v->mark);
}

void state_print(const struct linked *p, const struct state *s,
                 void (*line)(void *self, const char *text), void *self)
{
    char text[VALUES_TEXT + 24], value[VALUES_TEXT];

    for (unsigned r = 0; r < INSN_FRAME; r++) {
        if (s->reg[r].kind == VALUE_NONE)
            continue;
        value_print(p, &s->reg[r], value);
        snprintf(text, sizeof text, "r%u: %s", r, value);
        line(self, text);
    }
    for (unsigned i = 0; i < s->used; i++) {
        if (s->init[i] == 0)
            continue;
        if (s->slot[i].kind != VALUE_NONE)
            value_print(p, &s->slot[i], value);
        else
            snprintf(value, sizeof value, "written, mask 0x%02x", s->init[i]);
        snprintf(text, sizeof text, "[r10-%u]: %s", 8 * (i + 1), value);
        line(self, text);
    }
    if (s->packet_length) {
        snprintf(text, sizeof text, "packet: at least %u bytes", s->packet_length);
        line(self, text);
    }
}
