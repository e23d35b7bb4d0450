/* Trees: which requests may be, and what becomes of them. */
#include "bindings/tree.h"
#include "exo/arch/cpu.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/mem/frame.h"

#define BUSY_MAX 255u

static uint8_t *copy_at(const struct tree *t, uint32_t copy)
{
    return (uint8_t *)(uintptr_t)t + (4u + copy) * (size_t)PAGE_SIZE;
}

static void copy_block(void *to, const void *from)
{
    arch_copy_words(to, from, DISK_BLOCK_BYTES / sizeof(uint64_t));
}

/* The name of a block in the table. */
static uint32_t name_of(const struct tree *t, uint32_t block)
{
    return 1 + block - t->base;
}

static uint32_t type_of(const struct tree *t, uint32_t block)
{
    return block == t->root ? t->root_type : tree_entry(t, block)->type;
}

/* A copy that is not in use goes into *f. */
static bool find_copy(const struct tree *t, struct tree_flight *f)
{
    for (uint8_t i = 0; i < t->copies; i++)
        if (!(t->busy >> i & 1)) {
            f->copy = i;
            f->request.address = arch_phys_of(copy_at(t, i));
            return true;
        }
    return false;
}

static uint32_t check_read(const struct tree *t, struct tree_flight *f)
{
    const struct disk_request *q = &f->request;

    for (uint32_t b = q->block; b - q->block < q->count; b++) {
        const struct tree_entry *e = tree_entry(t, b);
        if (e->state == TREE_FREE || e->state == TREE_LEFT || type_of(t, b) == TREE_ROOT)
            return DISK_BAD;
        if (e->state == TREE_NEW || e->flags & TREE_LEAVING || e->busy == BUSY_MAX)
            return DISK_ORDER;
        if (e->state != TREE_UNREAD)
            continue;
        if (q->count > 1 || e->busy)
            return DISK_ORDER;
        f->kind = TREE_FILL;
        f->type = (uint8_t)type_of(t, b);
        return find_copy(t, f) ? 0 : TREE_WAITS;
    }
    return 0;
}

static uint32_t check_data(const struct tree *t, const struct disk_request *q)
{
    for (uint32_t b = q->block; b - q->block < q->count; b++) {
        const struct tree_entry *e = tree_entry(t, b);
        bool is_free = e->state == TREE_FREE || e->state == TREE_LEFT;
        uint32_t why = is_free ? tree_check_free(t, b) : 0;
        if (type_of(t, b) != TREE_DATA)
            return DISK_BAD;
        if (why || e->flags & TREE_LEAVING || e->busy == BUSY_MAX)
            return DISK_ORDER;
    }
    return 0;
}

/* Does `above` hang on `block`? More than TREE_DEPTH steps up count as such. */
static bool hangs_on(const struct tree *t, uint32_t above, uint32_t block)
{
    uint32_t at = name_of(t, above), end = name_of(t, block);

    for (unsigned i = 0; i < TREE_DEPTH && at && at != end; i++)
        at = t->table[at - 1].owner;
    return at != 0;
}

/* May `block`, which is not its own yet, be of that type and owned by `by`? */
static uint32_t check_taken(const struct tree *t, uint32_t by, uint32_t block, uint32_t type)
{
    const struct tree_entry *e = tree_entry(t, block);

    if (tree_is_loose(t, block)) {
        if (e->type != type || (e->count > 0 && hangs_on(t, by, block)))
            return DISK_OWNER;
        return e->state == TREE_OWNED && tree_is_durable(e->stamp) ? 0 : DISK_ORDER;
    }
    uint32_t why = tree_check_free(t, block); /* a root is not */
    return why || type == TREE_DATA ? why : DISK_ORDER;
}

/* May `block` own those? Counts in *kept those that it does already. */
static uint32_t check_added(const struct tree *t, uint32_t block, const struct tree_set *set,
                            uint32_t *kept)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct tree_run *r = &set->runs[i];
        if (!tree_has_free(t, r->first, r->count) || block - r->first < r->count)
            return DISK_OWNER;
        for (uint32_t b = r->first; b - r->first < r->count; b++) {
            const struct tree_entry *e = tree_entry(t, b);
            bool own = e->owner == name_of(t, block);
            uint32_t why = own ? 0 : check_taken(t, block, b, r->type);
            if (why)
                return why;
            if (e->type != r->type) /* a free one has that of data */
                return DISK_OWNER;
            *kept += own;
        }
    }
    return 0;
}

/* May those go that `block` owns and the set has not? */
static uint32_t check_gone(struct tree *t, uint32_t block, const struct tree_set *set)
{
    for (uint32_t n = tree_entry(t, block)->child; n; n = t->table[n - 1].next) {
        const struct tree_entry *e = &t->table[n - 1];
        uint32_t b = t->base + n - 1;
        if (tree_set_has(set, b))
            continue;
        const struct tree_part *part = e->type == TREE_ROOT ? tree_part_of(t, b) : NULL;
        if (e->busy || e->count || (part && part->tree))
            return DISK_ORDER;
        if (e->state == TREE_UNREAD && e->type != TREE_ROOT)
            return DISK_ORDER;
    }
    return 0;
}

static bool is_zero(const uint8_t *contents)
{
    const uint64_t *word = (const uint64_t *)(const void *)contents;

    for (unsigned i = 0; i < DISK_BLOCK_BYTES / sizeof *word; i++)
        if (word[i])
            return false;
    return true;
}

/* Is the block itself in a state to be written as one of that type? */
static uint32_t check_written(const struct tree *t, uint32_t block, uint32_t type)
{
    const struct tree_entry *e = tree_entry(t, block);
    bool is_free = e->state == TREE_FREE || e->state == TREE_LEFT;

    if (is_free)
        return tree_check_free(t, block) ? DISK_ORDER : 0;
    if (type_of(t, block) != type || (type == TREE_ROOT && e->owner))
        return DISK_BAD;
    return e->state == TREE_UNREAD || e->busy || e->flags & TREE_LEAVING ? DISK_ORDER : 0;
}

/* The copy is what is looked at, and what the disk gets. */
static uint32_t check_meta(struct tree *t, struct tree_flight *f)
{
    const uint32_t block = f->request.block;
    uint32_t kept = 0, why = check_written(t, block, f->type);
    struct tree_set set = {0};

    if (why)
        return why;
    if (!find_copy(t, f))
        return TREE_WAITS;
    uint8_t *copy = copy_at(t, f->copy);
    copy_block(copy, arch_phys(f->buffer));
    if (f->type == TREE_ROOT)
        return is_zero(copy) ? 0 : DISK_MALFORMED;
    if (!tree_set_find(t, block, f->type, copy, &set))
        return DISK_MALFORMED;
    why = check_added(t, block, &set, &kept);
    f->runs = set.count;
    if (why || kept == tree_entry(t, block)->count)
        return why;
    return check_gone(t, block, &set);
}

uint32_t tree_request_check(struct tree *t, const struct disk_request *q, uint32_t type,
                            struct tree_flight *f)
{
    *f = (struct tree_flight){.request = *q, .buffer = q->address, .type = (uint8_t)type};
    if (!tree_has(t, q->block, q->count) || (type >= TREE_TYPES && type != TREE_ROOT) ||
        (type != TREE_DATA && q->count > 1))
        return DISK_BAD;
    if (q->op == DISK_READ)
        return check_read(t, f);
    if (type == TREE_DATA)
        return check_data(t, q);
    f->kind = TREE_META;
    return check_meta(t, f);
}

/* `block` becomes one of those that `e` owns. */
static void link(const struct tree *t, uint32_t owner, uint32_t block)
{
    struct tree_entry *p = tree_entry(t, owner), *e = tree_entry(t, block);

    e->owner = name_of(t, owner);
    e->next = p->child;
    p->child = name_of(t, block);
    p->count++;
}

/* All of them leave, but for those in the set. */
static void take_set(struct tree *t, const struct tree_flight *f)
{
    const struct tree_run *runs = (const struct tree_run *)((char *)t + PAGE_SIZE);
    struct tree_entry *p = tree_entry(t, f->request.block);

    for (uint32_t n = p->child; n; n = t->table[n - 1].next)
        t->table[n - 1].flags |= TREE_LEAVING;
    for (uint32_t i = 0; i < f->runs; i++) {
        for (uint32_t b = runs[i].first; b - runs[i].first < runs[i].count; b++) {
            struct tree_entry *e = tree_entry(t, b);
            e->flags &= (uint8_t)~TREE_LEAVING;
            if (e->owner)
                continue;
            if (e->state == TREE_FREE || e->state == TREE_LEFT)
                tree_enter(t, b, TREE_DATA, TREE_NEW);
            link(t, f->request.block, b);
        }
    }
}

void tree_request_take(struct tree *t, const struct tree_flight *f)
{
    const struct disk_request *q = &f->request;

    for (uint32_t b = q->block; b - q->block < q->count; b++) {
        struct tree_entry *e = tree_entry(t, b);
        if (e->state == TREE_FREE || e->state == TREE_LEFT)
            tree_enter(t, b, f->type, TREE_NEW);
        e->busy++;
    }
    if (f->kind != TREE_PLAIN)
        t->busy |= (uint16_t)(1u << f->copy);
    if (f->kind == TREE_META)
        take_set(t, f);
}

/* Those that leave have left: the write without them is done. */
static void let_go(struct tree *t, uint32_t block)
{
    struct tree_entry *p = tree_entry(t, block);
    uint32_t n = p->child, *last = &p->child;

    while (n) {
        struct tree_entry *e = &t->table[n - 1];
        uint32_t next = e->next;
        if (e->flags & TREE_LEAVING) {
            tree_leave(t, t->base + n - 1);
            p->count--;
        } else {
            *last = n;
            last = &e->next;
        }
        n = next;
    }
    *last = 0;
}

static void land_write(struct tree *t, const struct tree_flight *f, bool good)
{
    const struct disk_request *q = &f->request;

    for (uint32_t b = q->block; b - q->block < q->count; b++) {
        struct tree_entry *e = tree_entry(t, b);
        e->stamp = tree_stamp();
        if (good)
            e->state = TREE_OWNED;
        else if (f->kind == TREE_META)
            e->state = TREE_NEW; /* nobody knows what lies there */
    }
    if (!good || f->kind != TREE_META)
        return;
    let_go(t, q->block);
    if (!t->has_begun) { /* nothing but the root could be written */
        t->has_begun = true;
        t->born = tree_stamp();
    }
}

/* Of a block that was not known: is what it says possible? */
static uint32_t check_filled(const struct tree *t, const struct tree_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct tree_run *r = &set->runs[i];
        if (!tree_has_free(t, r->first, r->count))
            return DISK_OWNER;
        for (uint32_t b = r->first; b - r->first < r->count; b++)
            if (tree_entry(t, b)->state != TREE_FREE)
                return DISK_OWNER;
    }
    return 0;
}

/* A block is known now, if it is one. The reader gets what was looked at. */
static uint32_t land_fill(struct tree *t, const struct tree_flight *f)
{
    const uint32_t block = f->request.block;
    const uint8_t *copy = copy_at(t, f->copy);
    struct tree_set set;

    if (!tree_set_find(t, block, f->type, copy, &set))
        return DISK_MALFORMED;
    uint32_t why = check_filled(t, &set);
    if (why)
        return why;
    for (uint32_t i = 0; i < set.count; i++) {
        const struct tree_run *r = &set.runs[i];
        for (uint32_t b = r->first; b - r->first < r->count; b++) {
            tree_enter(t, b, r->type, r->type == TREE_DATA ? TREE_OWNED : TREE_UNREAD);
            link(t, block, b);
        }
    }
    tree_entry(t, block)->state = TREE_OWNED;
    t->unread--;
    copy_block(arch_phys(f->buffer), copy);
    return DISK_DONE;
}

uint32_t tree_request_land(struct tree *t, const struct tree_flight *f, bool good)
{
    const struct disk_request *q = &f->request;
    uint32_t state = good ? DISK_DONE : DISK_FAILED;

    for (uint32_t b = q->block; b - q->block < q->count; b++) {
        ASSERT(tree_entry(t, b)->busy > 0);
        tree_entry(t, b)->busy--;
    }
    if (f->kind != TREE_PLAIN)
        t->busy &= (uint16_t) ~(1u << f->copy);
    if (q->op == DISK_WRITE)
        land_write(t, f, good);
    else if (good && f->kind == TREE_FILL)
        state = land_fill(t, f);
    return state;
}
