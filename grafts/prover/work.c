/* Memory and the way out: see work.h. */
#include "grafts/prover/work.h"

#include "grafts/prover/memory.h"
#include "grafts/prover/object.h"

#define BLOCK_BYTES ((size_t)256 << 10)
#define HEAD_BYTES  64u /* of a block; keeps what follows aligned */

struct work_block {
    struct work_block *next;
    size_t used, bytes; /* behind the head */
};
_Static_assert(sizeof(struct work_block) <= HEAD_BYTES, "the head has room");

void *work_take(struct work *w, size_t count, size_t bytes)
{
    if (bytes && count > ((size_t)1 << 40) / bytes)
        work_fail(w, "not enough memory", NULL, "make the program smaller");

    size_t want = (count * bytes + 15) & ~(size_t)15;
    struct work_block *b = w->blocks;
    if (!b || b->bytes - b->used < want) {
        size_t room = want > BLOCK_BYTES ? want : BLOCK_BYTES;
        b = prover_memory_take(HEAD_BYTES + room);
        if (!b)
            work_fail(w, "not enough memory", NULL, "make the program smaller");
        *b = (struct work_block){.next = w->blocks, .bytes = room};
        w->blocks = b;
    }
    void *at = (uint8_t *)b + HEAD_BYTES + b->used;
    b->used += want;
    return at;
}

void *work_grow(struct work *w, void *at, uint32_t *room, uint32_t used, uint32_t want,
                size_t bytes)
{
    if (want <= *room)
        return at;
    uint32_t grown = *room * 2 > want ? *room * 2 : want + 16;
    void *to = work_take(w, grown, bytes);
    if (used)
        __builtin_memcpy(to, at, (size_t)used * bytes);
    *room = grown;
    return to;
}

void work_fail_at(struct work *w, const char *text, const char *name, const char *hint,
                  const struct object_line *line)
{
    size_t i = 0;

    w->fault.text = text;
    w->fault.hint = hint;
    w->fault.line = line ? line->line : 0;
    w->fault.file = line && line->file ? line->file : "";
    for (; name && name[i] && i < WORK_NAME - 1; i++)
        w->fault.name[i] = name[i];
    w->fault.name[i] = '\0';
    __builtin_longjmp(w->out, 1);
}

void work_fail(struct work *w, const char *text, const char *name, const char *hint)
{
    work_fail_at(w, text, name, hint, NULL);
}

void work_end(struct work *w)
{
    while (w->blocks) {
        struct work_block *next = w->blocks->next;
        prover_memory_give(w->blocks);
        w->blocks = next;
    }
}
