/* The command `check`: with the kernel's own code. */
#include <stdio.h>
#include <stdlib.h>

#include "grafts/checker.h"
#include "grafts/tool/arguments.h"
#include "grafts/tool/commands.h"

#define OPEN_BRANCHES 256u
#define FUEL_POINTS   1024u

static struct graft_fuel_point points[FUEL_POINTS];
static struct graft_map_def maps[GRAFT_MAX_MAPS];

bool object_check(struct object_file *o, struct graft_program *p)
{
    struct graft_input in = {.code = o->program.code,
                             .count = o->program.count,
                             .hook = o->hook,
                             .proof = o->parts.proof,
                             .proof_bytes = o->parts.proof_bytes,
                             .map_count = o->program.map_count,
                             .maps = maps,
                             .points = points,
                             .point_room = FUEL_POINTS};
    struct graft_report r;
    size_t bytes = GRAFT_WORK_BYTES(in.count, OPEN_BRANCHES);
    void *work = malloc(bytes);

    if (!work) {
        fprintf(stderr, "graft: not enough memory\n");
        return false;
    }
    for (uint32_t i = 0; i < in.map_count && i < GRAFT_MAX_MAPS; i++)
        maps[i] =
            (struct graft_map_def){o->program.maps[i].type, o->program.maps[i].key_bytes,
                                   o->program.maps[i].value_bytes, o->program.maps[i].entries};
    bool accepted = graft_check(&in, work, bytes, p, &r) == GRAFT_ACCEPTED;
    free(work);
    if (!accepted)
        object_print_refusal(o, &r);
    return accepted;
}

int command_check(int count, char **words)
{
    struct arguments a;
    struct object_file o;
    struct graft_program p;
    int result = 1;

    if (!arguments_read(&a, count, words, 1, 1, ARGUMENTS_CHOICE))
        return COMMAND_USAGE;
    if (object_open_file(&o, a.words[0], &a.choice) && object_check(&o, &p)) {
        printf("%s: accepted for %s: %u instructions, at most %u of them in one run", o.path,
               hook_name(o.hook), p.count, p.steps);
        if (p.point_count)
            printf(", and %lld more by fuel", (long long)p.fuel);
        putchar('\n');
        result = 0;
    }
    object_close(&o);
    return result;
}
