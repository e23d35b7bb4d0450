/* Random map, grant and unmap among four spaces, against a model that is a table of parents. */
#include "tests/host/kernel_ipc.h"

#include "bindings/node.h"
#include "bindings/page.h"
#include "bindings/revoke.h"

#define FRAMES 40u
#define SPACES 4u
#define PAGES  16u /* of each space */
#define SLOTS  (SPACES * PAGES)
#define BASE   ((vaddr_t)0x10040000)
#define NONE   (-1) /* parent of what is bound by a capability */
#define FREE   (-2) /* nothing is bound                        */
#define STEPS  4000u

/* What a page of the model shows, from which page, with which rights. */
struct model_page {
    int parent;
    pfn_t frame;
    rights_t rights;
    rights_t used;
};

static struct party spaces[SPACES];
static struct model_page model[SLOTS];
static pfn_t pfn;
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static vaddr_t va_of(int i)
{
    return BASE + (vaddr_t)(i % (int)PAGES) * PAGE_SIZE;
}

static struct party *space_of(int i)
{
    return &spaces[i / (int)PAGES];
}

static pte_t *real(int i)
{
    return entry_of(space_of(i)->e, va_of(i));
}

static bool is_below(int i, int top)
{
    while (i >= 0 && i != top)
        i = model[i].parent;
    return i == top;
}

/* What was used through what goes is told by the page that it was mapped from. */
static void model_remove(int top)
{
    const int parent = model[top].parent;
    bool gone[SLOTS];

    for (int i = 0; i < (int)SLOTS; i++) {
        gone[i] = model[i].parent != FREE && is_below(i, top);
        if (gone[i] && parent >= 0)
            model[parent].used |= model[i].used;
    }
    for (int i = 0; i < (int)SLOTS; i++)
        if (gone[i])
            model[i].parent = FREE;
}

static void model_restrict(int top, rights_t kept, bool itself)
{
    for (int i = 0; i < (int)SLOTS; i++)
        if (model[i].parent != FREE && is_below(i, top) && (itself || i != top))
            model[i].rights &= kept;
}

/* Page `from` to `to`, as decision 24 has it. */
static void model_item(int from, int to, rights_t rights, bool grant)
{
    struct model_page *f = &model[from], *t = &model[to];

    if (from == to || f->parent == FREE || !(rights &= f->rights))
        return;
    bool same = t->parent != FREE && t->frame == f->frame;
    if (same && !grant) {
        if (t->parent == from)
            t->rights |= rights;
        return;
    }
    if (t->parent != FREE && !(same && t->parent == from))
        model_remove(to);
    if (f->parent == FREE)
        return;
    if (!grant) {
        *t = (struct model_page){from, f->frame, rights, 0};
        return;
    }
    bool there = t->parent != FREE;
    model_restrict(from, rights, true);
    *t = (struct model_page){f->parent, f->frame, there ? t->rights | rights : rights,
                             f->used | (there ? t->used : 0)};
    f->parent = FREE;
    for (int i = 0; i < (int)SLOTS; i++)
        if (i != to && model[i].parent == from)
            model[i].parent = to;
}

static rights_t model_unmap(int page, rights_t taken, bool flush)
{
    rights_t used = 0;

    if (model[page].parent == FREE)
        return 0;
    for (int i = 0; i < (int)SLOTS; i++)
        if (model[i].parent != FREE && is_below(i, page)) {
            used |= model[i].used;
            model[i].used = 0;
        }
    if (model[page].parent >= 0)
        model[model[page].parent].used |= used;
    if (!(taken & RIGHT_READ)) {
        model_restrict(page, RWX & ~taken, flush);
        return used;
    }
    for (int i = 0; !flush && i < (int)SLOTS; i++)
        if (model[i].parent == page)
            model_remove(i);
    if (flush)
        model_remove(page);
    return used;
}

static void compare(void)
{
    for (int i = 0; i < (int)SLOTS; i++) {
        const pte_t *e = real(i);
        assert_int_equal(arch_pte_present(*e), model[i].parent != FREE);
        if (model[i].parent == FREE)
            continue;
        assert_int_equal(arch_pte_address(*e) >> PAGE_BITS, model[i].frame);
        assert_int_equal(arch_pte_rights(*e), model[i].rights);
        const struct node *parent = node_at(entry_node(e)->parent);
        if (model[i].parent >= 0)
            assert_ptr_equal(parent, entry_node(real(model[i].parent)));
        else
            assert_int_equal(frame_of(frame_number(parent))->type, FRAME_CAPTABLE);
    }
}

static word_t fpage(int i, unsigned bits, word_t rwx)
{
    return (va_of(i) >> bits << bits) | bits << 4 | rwx;
}

/* A run of 1, 2 or 4 pages from anywhere to anywhere. */
static void step_item(void)
{
    unsigned bits = PAGE_BITS + draw(3);
    int count = 1 << (bits - PAGE_BITS);
    int from = (int)draw(SLOTS) & -count, to = (int)draw(SLOTS) & -count;
    word_t rwx = FPAGE_READ | (draw(2) ? FPAGE_WRITE : 0);
    bool grant = draw(3) == 0;

    assert_true(map_all(space_of(from)->t, space_of(to)->t, grant ? ITEM_GRANT : ITEM_MAP,
                        fpage(from, bits, rwx), fpage(to, bits, 0)));
    for (int i = 0; i < count; i++)
        model_item(from + i, to + i, RIGHT_READ | (rwx & FPAGE_WRITE ? RIGHT_WRITE : 0), grant);
}

static void step_unmap(void)
{
    int page = (int)draw(SLOTS);
    word_t rwx = draw(FPAGE_ALL + 1) & ~(word_t)FPAGE_EXEC;
    bool flush = draw(2);
    rights_t taken = (rwx & FPAGE_READ ? RIGHT_READ : 0) | (rwx & FPAGE_WRITE ? RIGHT_WRITE : 0);
    rights_t used = model_unmap(page, taken, flush);
    word_t word = unmap_all(space_of(page)->t, fpage(page, PAGE_BITS, rwx), flush);

    assert_int_equal(word & FPAGE_ALL,
                     (used & RIGHT_READ ? FPAGE_READ : 0) | (used & RIGHT_WRITE ? FPAGE_WRITE : 0));
}

/* The simulated CPU uses a page; or a page is bound anew by its capability. */
static void step_other(void)
{
    int page = (int)draw(SLOTS);

    if (model[page].parent != FREE) {
        *real(page) |= PTE_READ_TO | PTE_WRITTEN;
        model[page].used = RW;
        return;
    }
    pfn_t frame = pfn + draw(PAGES);
    world_run(world.boss);
    bind_page(space_of(page)->env, FRAMES, frame, va_of(page), RW);
    model[page] = (struct model_page){NONE, frame, RW, 0};
}

static void what_is_where_is_what_the_model_says(void **state)
{
    (void)state;
    pfn = make_frames(FRAMES, PAGES);
    for (unsigned i = 0; i < SPACES; i++)
        party_make(&spaces[i], 20 + 4 * i);
    for (seed = 1; seed <= 3; seed++) {
        const uint64_t first = seed;
        for (int i = 0; i < (int)SLOTS; i++) {
            unmap_all(space_of(i)->t, fpage(i, PAGE_BITS, FPAGE_ALL), true);
            model[i].parent = FREE;
        }
        for (world.step = 0; world.step < STEPS; world.step++) {
            uint32_t kind = draw(8);
            if (kind < 4)
                step_item();
            else if (kind < 6)
                step_unmap();
            else
                step_other();
            compare();
            if (world.step % 16 == 0)
                world_check();
        }
        seed = first;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {WORLD_TEST(what_is_where_is_what_the_model_says)};

    return cmocka_run_group_tests_name("l4core/map, a model", tests, NULL, NULL);
}
