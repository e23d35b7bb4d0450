/* Programs of the corpora, proved and judged: see graft_corpus.h. */
#include "tests/host/graft_corpus.h"

#include <string.h>

const struct graft_map_def corpus_maps[4] = {
    {GRAFT_MAP_ARRAY, 4, 64, 16},
    {GRAFT_MAP_HASH, 8, 16, 100},
    {GRAFT_MAP_RINGBUF, 0, 0, 4096},
    {GRAFT_MAP_WINDOW, 4, 8192, 1},
};

bool corpus_prove(struct work *w, const struct insn *code, uint32_t count, bool always,
                  struct proved *out)
{
    const struct prove_wish wish = {.hook = GRAFT_HOOK_PACKET_FILTER, .always = always};
    struct linked p = {.count = count, .map_count = 4, .section = "", .function = ""};

    if (work_left(w)) { /* the form is wrong */
        *out = (struct proved){.proof = NULL};
        out->report.reason = GRAFT_BAD_OPCODE;
        return false;
    }
    p.code = work_take(w, count, sizeof *code);
    memcpy(p.code, code, count * sizeof *code);
    p.lines = work_take(w, count, sizeof *p.lines);
    for (uint32_t i = 0; i < count; i++)
        p.lines[i].file = "";
    p.maps = work_take(w, 4, sizeof *p.maps);
    for (uint32_t i = 0; i < 4; i++)
        p.maps[i] = (struct linked_map){"",
                                        corpus_maps[i].type,
                                        corpus_maps[i].key_bytes,
                                        corpus_maps[i].value_bytes,
                                        corpus_maps[i].entries,
                                        NULL};
    return prove(w, &p, &wish, out);
}
