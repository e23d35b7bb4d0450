/* The journal: notes one behind the other, each naming the one before. */
#include "bindings/graft_journal.h"

#include "exo/base/string.h"

enum kind {
    NOTE_MEMORY, /* `object` held the bytes that follow                  */
    NOTE_VALUE,  /* the map `object` had for the key the value: both follow */
    NOTE_ABSENT, /* it had none for the key that follows                 */
    NOTE_RECORD, /* `object` is a record; `what`: enum journal_record    */
};

struct note {
    void *object;
    uint32_t kind;
    uint32_t what;     /* the CPU, or enum journal_record */
    uint32_t bytes;    /* that follow                     */
    uint32_t previous; /* where the note before begins    */
};

static struct note *add(struct journal *j, struct note n)
{
    uint32_t room = (uint32_t)sizeof n + ((n.bytes + 7) & ~7u);

    if (j->is_full || n.bytes > j->bytes || room > j->bytes - j->used) {
        j->is_full = true;
        return NULL;
    }
    struct note *to = (struct note *)(void *)(j->at + j->used);
    *to = n;
    to->previous = j->last;
    j->last = j->used;
    j->used += room;
    return to;
}

bool journal_memory(struct journal *j, void *at, uint32_t bytes)
{
    struct note *n = add(j, (struct note){.object = at, .kind = NOTE_MEMORY, .bytes = bytes});

    if (n)
        memcpy(n + 1, at, bytes);
    return n != NULL;
}

/* Is that noted by one of the last notes already? Loops look the same value up again and again. */
static bool is_noted(const struct journal *j, const struct graft_map *m, const void *key,
                     uint32_t cpu)
{
    uint32_t at = j->last, left = j->used ? 8 : 0;

    for (; left; left--) {
        const struct note *n = (const struct note *)(const void *)(j->at + at);
        bool keyed = n->kind == NOTE_VALUE || n->kind == NOTE_ABSENT;
        if (keyed && n->object == m && n->what == cpu && memcmp(n + 1, key, m->def.key_bytes) == 0)
            return true;
        if (at == 0)
            break;
        at = n->previous;
    }
    return false;
}

bool journal_value(struct journal *j, struct graft_map *m, const void *key, uint32_t cpu)
{
    uint32_t key_bytes = (m->def.key_bytes + 7) & ~7u;

    if (m->def.type == GRAFT_MAP_WINDOW || is_noted(j, m, key, cpu))
        return !j->is_full;
    const void *value = graft_map_peek(m, key, cpu);
    struct note *n = add(j, (struct note){.object = m,
                                          .kind = value ? NOTE_VALUE : NOTE_ABSENT,
                                          .what = cpu,
                                          .bytes = key_bytes + (value ? m->def.value_bytes : 0)});
    if (!n)
        return false;
    memcpy(n + 1, key, m->def.key_bytes);
    if (value)
        memcpy((uint8_t *)(n + 1) + key_bytes, value, m->def.value_bytes);
    return true;
}

bool journal_record(struct journal *j, void *record, enum journal_record what)
{
    return add(j, (struct note){.object = record, .kind = NOTE_RECORD, .what = what}) != NULL;
}

void journal_commit(struct journal *j)
{
    for (uint32_t at = 0; at < j->used;) {
        const struct note *n = (const struct note *)(const void *)(j->at + at);
        if (n->kind == NOTE_RECORD && n->what == JOURNAL_SUBMIT)
            graft_ring_submit(n->object);
        if (n->kind == NOTE_RECORD && n->what == JOURNAL_DISCARD)
            graft_ring_discard(n->object);
        at += (uint32_t)sizeof *n + ((n->bytes + 7) & ~7u);
    }
    j->used = 0;
}

static void undo(const struct note *n)
{
    struct graft_map *m = n->object;

    switch (n->kind) {
    case NOTE_MEMORY:
        memcpy(n->object, n + 1, n->bytes);
        break;
    case NOTE_VALUE:
        graft_map_update(m, n + 1, (const uint8_t *)(n + 1) + ((m->def.key_bytes + 7) & ~7u),
                         GRAFT_MAP_ANY, n->what);
        break;
    case NOTE_ABSENT:
        graft_map_delete(m, n + 1);
        break;
    default:
        if (n->what == JOURNAL_RESERVED)
            graft_ring_discard(n->object);
        break;
    }
}

void journal_undo(struct journal *j)
{
    while (j->used) {
        const struct note *n = (const struct note *)(const void *)(j->at + j->last);
        undo(n);
        j->used = j->last;
        j->last = n->previous;
    }
}
