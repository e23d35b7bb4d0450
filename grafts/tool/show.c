/* The commands `disasm` and `dot`: a program with its source lines and what was proved of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grafts/proof.h"
#include "grafts/prover/flow.h"
#include "grafts/prover/prove.h"
#include "grafts/tool/arguments.h"
#include "grafts/tool/commands.h"
#include "grafts/tool/disasm.h"
#include "grafts/tool/values.h"

/* What the proof says, by instruction. */
struct shown {
    const struct object_file *object;
    struct prove_claim *claims; /* [count], by slot; states 0 and no state where there is none */
    bool *has_claim;
    struct flow flow;
};

/* Decodes the proof that the object has. False: it is malformed. */
static bool read_proof(struct shown *s, const uint8_t *bytes, uint32_t size)
{
    struct work *w = (struct work *)(uintptr_t)&s->object->work;
    const struct linked *p = &s->object->program;
    struct proof_claim told;
    struct proof_loop loop;
    struct proof in;

    if (!proof_begin(&in, bytes, size, p->count, p->map_count))
        return false;
    for (uint32_t k = 0; k < in.loops && !in.broken; k++)
        proof_take_loop(&in, k, &loop);
    uint32_t count = proof_take_claims(&in);
    for (uint32_t k = 0; k < count && !in.broken; k++) {
        proof_take_claim(&in, &told);
        struct prove_claim *c = &s->claims[told.at];
        *c = (struct prove_claim){told.at, told.loop, told.steps, told.states, {NULL}};
        s->has_claim[told.at] = true;
        for (uint32_t i = 0; i < told.states && !in.broken; i++) {
            struct state *state = work_take(w, 1, sizeof *state);
            proof_take_state(&in, state);
            c->state[i] = state;
        }
    }
    return !in.broken && in.next == in.end;
}

static void text_line(void *self, const char *text)
{
    (void)self;
    printf("        ; %s\n", text);
}

static void show_claim(const struct shown *s, uint32_t at, void (*line)(void *, const char *))
{
    const struct prove_claim *c = &s->claims[at];
    char text[80];

    snprintf(text, sizeof text, "claim: %u states, loop %u, %u steps before", c->states, c->loop,
             c->steps);
    line(NULL, text);
    for (uint32_t i = 0; i < c->states; i++) {
        if (c->states > 1) {
            snprintf(text, sizeof text, "state %u:", i + 1);
            line(NULL, text);
        }
        state_print(&s->object->program, c->state[i], line, NULL);
    }
}

static void show_text(const struct shown *s)
{
    const struct linked *p = &s->object->program;
    char text[DISASM_LINE], place[256], last[256] = "";

    for (uint32_t at = 0; at < p->count; at++) {
        object_place(s->object, at, place);
        if (p->lines[at].line && strcmp(place, last))
            printf("      %s\n", place);
        strcpy(last, place);
        if (s->has_claim[at])
            show_claim(s, at, text_line);
        disasm_print(&p->code[at], p->count - at, text);
        printf("%6u  %s\n", at, text);
        at += insn_shapes[p->code[at].opcode].form == FORM_WIDE;
    }
}

/* Text in a label of Graphviz. */
static void put_label(const char *text)
{
    for (; *text; text++) {
        if (strchr("\"\\<>{}|", *text))
            putchar('\\');
        putchar(*text);
    }
    fputs("\\l", stdout);
}

static void label_line(void *self, const char *text)
{
    (void)self;
    put_label(text);
}

static bool begins_block(const struct flow *f, uint32_t at, uint32_t before)
{
    return at == 0 || f->at[at].edges > 1 || f->at[before].next[0] != at ||
           f->at[before].next[1] != FLOW_NONE;
}

static void show_edges(const struct flow *f, uint32_t block, uint32_t last)
{
    static const char *const styles[] = {"", " [style=bold]"};

    for (unsigned e = 0; e < 2; e++) {
        uint32_t to = f->at[last].next[e];
        bool back = to != FLOW_NONE && f->at[to].order <= f->at[last].order;
        if (to != FLOW_NONE)
            printf("  b%u -> b%u%s;\n", block, to, back ? " [color=red]" : styles[e]);
    }
}

static void show_graph(const struct shown *s)
{
    const struct linked *p = &s->object->program;
    const struct flow *f = &s->flow;
    char text[DISASM_LINE], line[DISASM_LINE + 32];
    uint32_t block = 0, before = 0;

    printf("digraph graft {\n  node [shape=record, fontname=monospace];\n");
    for (uint32_t at = 0; at < p->count; before = at, at++) {
        if (f->at[at].half)
            at++;
        if (at >= p->count)
            break;
        if (begins_block(f, at, before)) {
            if (at > 0) {
                printf("}\"];\n");
                show_edges(f, block, before);
            }
            block = at;
            printf("  b%u [label=\"{", at);
            if (s->has_claim[at]) {
                show_claim(s, at, label_line);
                putchar('|');
            }
        }
        disasm_print(&p->code[at], p->count - at, text);
        snprintf(line, sizeof line, "%u: %s  (line %u)", at, text, p->lines[at].line);
        put_label(line);
    }
    printf("}\"];\n");
    show_edges(f, block, before);
    printf("}\n");
}

/* The states of an object that is not proved yet are found now, if they can be. */
static bool find_states(struct shown *s, struct object_file *o)
{
    const struct prove_wish wish = {.hook = o->hook, .always = true};
    struct proved proved;

    if (o->is_linked && o->parts.proof)
        return read_proof(s, o->parts.proof, o->parts.proof_bytes);
    bool accepted = prove(&o->work, &o->program, &wish, &proved);
    if (!accepted)
        object_print_refusal(o, &proved.report);
    s->claims = work_take(&o->work, o->program.count, sizeof *s->claims);
    s->has_claim = work_take(&o->work, o->program.count, sizeof *s->has_claim);
    return !accepted || !proved.proof || read_proof(s, proved.proof, proved.proof_bytes);
}

static int show(struct object_file *o, bool graph)
{
    struct shown s = {.object = o};

    if (work_left(&o->work)) {
        fprintf(stderr, "%s: %s; %s\n", o->path, o->work.fault.text, o->work.fault.hint);
        return 1;
    }
    s.claims = work_take(&o->work, o->program.count, sizeof *s.claims);
    s.has_claim = work_take(&o->work, o->program.count, sizeof *s.has_claim);
    if ((graph || o->is_linked) && !find_states(&s, o)) {
        fprintf(stderr, "%s: the proof is malformed; prove again\n", o->path);
        return 1;
    }
    if (!graph) {
        show_text(&s);
        return 0;
    }
    flow_find(&s.flow, &o->work, &o->program);
    show_graph(&s);
    return 0;
}

static int command_show(int count, char **words, bool graph)
{
    struct arguments a;
    struct object_file o;
    int result = 1;

    if (!arguments_read(&a, count, words, 1, 1, ARGUMENTS_CHOICE))
        return COMMAND_USAGE;
    if (object_open_file(&o, a.words[0], &a.choice))
        result = show(&o, graph);
    object_close(&o);
    return result;
}

int command_disasm(int count, char **words)
{
    return command_show(count, words, false);
}

int command_dot(int count, char **words)
{
    return command_show(count, words, true);
}
