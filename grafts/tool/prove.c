/* The command `prove`: links, finds the proof, has it checked, writes the object. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grafts/prover/prove.h"
#include "grafts/prover/writer.h"
#include "grafts/tool/arguments.h"
#include "grafts/tool/commands.h"
#include "grafts/tool/disasm.h"
#include "grafts/tool/values.h"

static void print_line(void *self, const char *text)
{
    (void)self;
    fprintf(stderr, "    %s\n", text);
}

/* The way to the refused instruction, as source lines, and what is known there. */
static void explain(const struct object_file *o, const struct prove_refusal *r)
{
    char place[256], last[256] = "", text[DISASM_LINE];

    for (uint32_t k = r->claim_count; k-- > 0;)
        fprintf(stderr, "  through instruction %u, %s\n", r->claims[k],
                object_place(o, r->claims[k], place));
    for (uint32_t k = 0; k < r->path_count; k++) {
        uint32_t at = r->path[k];
        object_place(o, at, place);
        if (strcmp(place, last))
            fprintf(stderr, "  %s\n", place);
        strcpy(last, place);
        disasm_print(&o->program.code[at], o->program.count - at, text);
        fprintf(stderr, "    %4u  %s\n", at, text);
    }
    fprintf(stderr, "  before it is known:\n");
    state_print(&o->program, &r->state, print_line, NULL);
}

static void print_loops(const struct object_file *o, const struct proved *p)
{
    char place[256];

    for (uint32_t k = 0; k < p->loop_count; k++) {
        const struct proof_loop *l = &p->loops[k].told;
        printf("  loop %u, %s: ", k + 1, object_place(o, l->head, place));
        if (!l->rank)
            printf("turns are not counted, each takes %u of the fuel\n", l->body);
        else if (l->rank <= INSN_REGISTERS)
            printf("at most %llu turns of %u, by r%u\n", (unsigned long long)p->loops[k].turns,
                   l->body, l->rank - 1);
        else
            printf("at most %llu turns of %u, by [r10-%u]\n", (unsigned long long)p->loops[k].turns,
                   l->body, 8 * (l->rank - STATE_SLOT_PLACE));
    }
}

static void print_proof(const struct object_file *o, const struct proved *p)
{
    uint32_t states = 0;

    for (uint32_t k = 0; k < p->claim_count; k++)
        states += p->claims[k].states;
    printf("  proof: %u bytes, %.2f for each instruction; %u claims with %u states\n",
           p->proof_bytes, (double)p->proof_bytes / o->program.count, p->claim_count, states);
    printf("  %u calls inlined, %u maps; %u attempts, %llu steps looked at%s\n", o->program.inlined,
           o->program.map_count, p->attempts, (unsigned long long)p->walked,
           p->untied ? ", loops untied" : "");
    print_loops(o, p);
}

static bool write_object(struct object_file *o, const struct proved *p, const char *path)
{
    struct writer_object out = {.program = &o->program,
                                .hook = hook_name(o->hook),
                                .proof = p->proof,
                                .proof_bytes = p->proof_bytes};
    size_t bytes;
    const uint8_t *file = writer_make(&o->work, &out, &bytes);
    FILE *f = fopen(path, "wb");
    bool written = f && fwrite(file, 1, bytes, f) == bytes;

    if (f && fclose(f) != 0)
        written = false;
    if (!written) {
        fprintf(stderr, "graft: %s: %s\n", path, strerror(errno));
        remove(path);
    }
    return written;
}

/* Leaves the linker's and prover's way out in a function of its own, with nothing to lose. */
static int prove_file(struct object_file *o, const struct arguments *a)
{
    const struct prove_wish wish = {.hook = o->hook};
    struct proved p;

    if (work_left(&o->work)) {
        object_print_fault(o);
        return 1;
    }
    if (!prove(&o->work, &o->program, &wish, &p)) {
        object_print_refusal(o, &p.report);
        if (a->explain && p.refusal)
            explain(o, p.refusal);
        return 1;
    }
    printf("%s: proved for %s: %u instructions, at most %u of them in one run", o->path,
           hook_name(o->hook), p.program.count, p.program.steps);
    if (p.program.point_count)
        printf(", and %lld more by fuel", (long long)p.program.fuel);
    putchar('\n');
    if (a->verbose)
        print_proof(o, &p);
    return a->out && !write_object(o, &p, a->out) ? 1 : 0;
}

int command_prove(int count, char **words)
{
    struct arguments a;
    struct object_file o;
    int result = 1;

    if (!arguments_read(&a, count, words, 1, 1,
                        ARGUMENTS_CHOICE | ARGUMENTS_PROVE | ARGUMENTS_VERBOSE))
        return COMMAND_USAGE;
    if (object_open_file(&o, a.words[0], &a.choice))
        result = prove_file(&o, &a);
    object_close(&o);
    return result;
}
