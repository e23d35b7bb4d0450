/*
 * Trees on a disk that may crash at any time: two libraries do what comes to mind, in any order and
 * with any failure. After each step the machine could stop: then the disk has of each block what
 * was durable, or any later write, done or in flight. Whichever it is, a walk from the root finds
 * each block once, and no metadata that was never written as such. Now and then it does stop, and
 * the kernel reads what is left.
 */
#include "tests/host/tree_world.h"

#include "bindings/cap.h"
#include "tests/fuzz/chance.h"

#include <stdio.h>
#include <string.h>

#define STEPS    4000u
#define SEEDS    3u
#define VERSIONS 8192u
#define NEAR     20u /* blocks that the first library has to do with, beside its root */
#define FAR      10u /* and the second one: those of the part's beginning             */
#define DATA     4u  /* page of the buffers that is written as data                   */
#define INNER    52u

/* A write of one block that may be on the disk. */
struct version {
    uint32_t block;
    struct tw_meta content;
};
static struct version versions[VERSIONS];
static uint32_t version_count;

static struct tw_meta durable[FAKE_DISK_BLOCKS];
static bool failed[VERSIONS];              /* may be there, and is not what a flush keeps */
static uint32_t marks[1024], seen, rounds; /* of requests: versions when they were given */

static struct tw_library libraries[2];
static uint8_t reached[FAKE_DISK_BLOCKS];
static unsigned done, refused[8], found, most, taken;

/* Notes when requests were given. */
static void look(void)
{
    if (rounds != tw_rounds)
        seen = 0;
    rounds = tw_rounds;
    for (; seen < fake_disk.given; seen++)
        marks[seen] = version_count;
}

static void note(const struct disk_request *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        assert_true(version_count < VERSIONS);
        struct version *v = &versions[version_count++];
        v->block = r->block + i;
        memcpy(&v->content, (const uint8_t *)arch_phys(r->address) + i * PAGE_SIZE,
               sizeof v->content);
    }
}

/* What was done before the flush was given is durable. */
static void flushed(uint32_t mark)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < version_count; i++) {
        if (i < mark && !failed[i]) {
            durable[versions[i].block] = versions[i].content;
            for (uint32_t k = 0; k < kept; k++) /* nor what was there before it */
                if (versions[k].block == versions[i].block) {
                    versions[k] = versions[--kept];
                    failed[k--] = failed[kept];
                }
            continue;
        }
        versions[kept] = versions[i];
        failed[kept++] = failed[i];
    }
    for (uint32_t i = fake_disk.finished; i < fake_disk.given; i++)
        marks[i] = marks[i] > version_count - kept ? marks[i] - (version_count - kept) : 0;
    version_count = kept;
}

static void on_done(const struct disk_request *r)
{
    if (r->op == DISK_WRITE)
        note(r);
    if (r->op == DISK_FLUSH)
        flushed(marks[fake_disk.finished]);
}

/* The disk does any of what it has, well or not. */
static void finish_one(void)
{
    uint32_t i = fake_disk.finished + rnd(fake_disk.given - fake_disk.finished),
             first = fake_disk.finished;
    const struct disk_request r = fake_disk.requests[i];
    uint32_t cookie = fake_disk.cookies[i], mark = marks[i];

    fake_disk.requests[i] = fake_disk.requests[first];
    fake_disk.cookies[i] = fake_disk.cookies[first];
    marks[i] = marks[first];
    fake_disk.requests[first] = r;
    fake_disk.cookies[first] = cookie;
    marks[first] = mark;
    if (rarely(40)) {
        uint32_t from = version_count;
        if (r.op == DISK_WRITE)
            note(&r);
        memset(&failed[from], 1, version_count - from);
        tw_finish(DISK_RESULT_ERROR);
    } else {
        memset(&failed[version_count], 0, r.count + 1);
        tw_finish(DISK_RESULT_OK);
    }
    done++;
    look();
}

/* What the disk has of a block after a crash: anything possible. */
static struct tw_meta after_crash(uint32_t block, unsigned how)
{
    struct tw_meta m = durable[block];
    uint32_t count = 1;

    for (uint32_t i = 0; how > 0 && i < version_count; i++)
        if (versions[i].block == block && (how == 1 || rnd(++count) == 0))
            m = versions[i].content;
    for (uint32_t i = fake_disk.finished; how > 0 && i < fake_disk.given; i++) {
        const struct disk_request *r = &fake_disk.requests[i];
        if (r->op == DISK_WRITE && block - r->block < r->count && (how == 1 || rnd(++count) == 0))
            memcpy(&m, (const uint8_t *)arch_phys(r->address) + (block - r->block) * PAGE_SIZE,
                   sizeof m);
    }
    return m;
}

static bool is_zero(const struct tw_meta *m)
{
    static const struct tw_meta zero;

    return memcmp(m, &zero, sizeof zero) == 0;
}

/* From the root; `how`: 0 only what is durable, 1 all that was given last, else by chance. */
static void walk(unsigned how, struct tw_meta *image)
{
    static struct tree_run open[FAKE_DISK_BLOCKS + 1];
    uint32_t count = 1, total = 0;

    memset(reached, 0, sizeof reached);
    open[0] = (struct tree_run){ROOT, 1, META};
    while (count > 0) {
        const struct tree_run at = open[--count];
        total++;
        assert_in_range(at.first, TW_FIRST, TW_FIRST + TW_COUNT - 1);
        if (reached[at.first]++)
            fail_msg("block %u is owned twice (step %u)", at.first, world.step);
        struct tw_meta m = after_crash(at.first, how);
        if (image)
            image[at.first] = m;
        if (at.type == TREE_DATA || (at.type == TREE_ROOT && is_zero(&m)))
            continue;
        if (m.magic != TW_MAGIC)
            fail_msg("block %u was never written (step %u)", at.first, world.step);
        for (uint32_t i = 0; i < TW_RUNS; i++)
            for (uint32_t b = 0; b < m.runs[i].count; b++) {
                assert_true(count < FAKE_DISK_BLOCKS);
                open[count++] = (struct tree_run){m.runs[i].first + b, 1, m.runs[i].type};
            }
    }
    found += total;
    most = total > most ? total : most;
}

static struct tree *tree_of(unsigned which)
{
    const struct cap *c = cap_find(world.root, which ? INNER : TW_TREE, CAP_TREE);

    return c ? frame_memory(c->base) : NULL;
}

static uint32_t any_block(unsigned which)
{
    if (rarely(30))
        return rnd(FAKE_DISK_BLOCKS);
    if (which)
        return rarely(5) ? R : PART + rnd(FAR);
    return rarely(5) ? ROOT : rarely(8) ? R : TW_FIRST + rnd(NEAR + 1);
}

/* A set that is not far from what the block owns. */
static void make_set(const struct tree *t, unsigned which, uint32_t block, struct tw_meta *m)
{
    uint32_t n = 0, name = block - TW_FIRST < TW_COUNT ? 1 + block - TW_FIRST : 0;
    uint32_t child = name ? t->table[name - 1].child : 0;

    for (; child; child = t->table[child - 1].next)
        if (n < TW_RUNS && !rarely(5))
            m->runs[n++] = (struct tree_run){TW_FIRST + child - 1, 1, t->table[child - 1].type};
    for (unsigned more = rnd(3); more > 0 && n < TW_RUNS; more--) {
        uint32_t b = any_block(which);
        bool known = b - TW_FIRST < TW_COUNT;
        uint32_t type = known && !rarely(20) ? tree_entry(t, b)->type : rnd(3);
        m->runs[n++] = (struct tree_run){b, 1, type};
    }
}

static void post_meta(struct tw_library *l, unsigned which)
{
    const struct tree *t = tree_of(which);
    uint32_t page = rnd(DATA), block = any_block(which);
    bool known = block - TW_FIRST < TW_COUNT;
    uint32_t type = known ? tree_entry(t, block)->type : 0;
    struct tw_meta *m = tw_page(l, page);

    if (block == t->root)
        type = META;
    if (type == 0)
        type = block == R || rarely(50) ? TREE_ROOT : 1 + rnd(2);
    memset(m, 0, DISK_BLOCK_BYTES);
    if (type != TREE_ROOT) {
        m->magic = TW_MAGIC;
        make_set(t, which, block, m);
    }
    tw_post(l, DISK_OF(DISK_WRITE, type), block, 1, page);
}

static void act(unsigned which)
{
    struct tw_library *l = &libraries[which];
    volatile struct disk_header *h = frame_memory(l->memory);

    if (h->posted - h->done >= DISK_SLOTS / 4)
        return;
    uint32_t slot = h->posted % DISK_SLOTS, choice = rnd(10);
    if (choice < 5)
        post_meta(l, which);
    else if (choice < 7)
        slot = tw_post(l, DISK_WRITE, any_block(which), 1 + rnd(2), DATA);
    else if (choice < 8)
        tw_post(l, DISK_READ, any_block(which), 1, DATA + 2);
    else if (choice < 9)
        tw_post(l, DISK_FLUSH, 0, 0, 0);
    else {
        BOSS(tree_release, which ? INNER : TW_TREE, any_block(which));
        return;
    }
    tw_kick(l);
    look();
    refused[tw_state(l, slot) & 7]++;
}

/* The part's tree comes when there is a root for it, and goes now and then. */
static void change_part(void)
{
    const struct tree_load l = {
        .root = R, .type = META, .is_new = rnd(2), .copies = 1, .first = PART, .count = FAR};

    if (tree_of(1)) {
        while (fake_disk.finished < fake_disk.given)
            finish_one();
        OK(BOSS(cap_delete, libraries[1].ring));
        OK(BOSS(cap_delete, libraries[1].frames));
        OK(BOSS(cap_delete, INNER));
    } else if (tw_tree(TW_TREE, INNER, l) == ERR_OK) {
        tw_library(&libraries[1], 1, INNER);
        memset(tw_page(&libraries[1], DATA), 0xdd, 2 * PAGE_SIZE);
        taken++;
    }
}

/* Reads what is not known, until all is. */
static void read_all(unsigned which)
{
    const struct tree *t = tree_of(which);

    for (uint32_t b = TW_FIRST; t->unread > 0; b = b + 1 < TW_FIRST + TW_COUNT ? b + 1 : TW_FIRST)
        if (tree_has(t, b, 1) && tree_entry(t, b)->state == TREE_UNREAD &&
            (b == t->root || tree_entry(t, b)->type != TREE_ROOT)) {
            uint32_t slot = tw_post(&libraries[which], DISK_READ, b, 1, DATA + 2);
            tw_kick(&libraries[which]);
            tw_finish(DISK_RESULT_OK);
            assert_int_equal(tw_state(&libraries[which], slot), DISK_DONE);
        }
}

static void begin(bool is_new)
{
    struct tree_load l = tw_new_tree();

    l.is_new = is_new;
    OK(tw_tree(TW_EXTENT, TW_TREE, l));
    tw_library(&libraries[0], 0, TW_TREE);
    memset(tw_page(&libraries[0], DATA), 0xdd, 2 * PAGE_SIZE);
}

/* The power goes: what the disk has is what there is. */
static void crash(void)
{
    static struct tw_meta image[FAKE_DISK_BLOCKS];

    memcpy(image, durable, sizeof image);
    walk(2, image);
    if (tree_of(1)) {
        OK(BOSS(cap_delete, libraries[1].ring));
        OK(BOSS(cap_delete, libraries[1].frames));
    }
    OK(BOSS(cap_delete, libraries[0].ring));
    OK(BOSS(cap_delete, libraries[0].frames));
    OK(BOSS(cap_delete, TW_TREE));
    fake_disk.given = fake_disk.finished = version_count = seen = 0;
    for (uint32_t b = 0; b < FAKE_DISK_BLOCKS; b++) {
        memset(tw_image[b], 0, DISK_BLOCK_BYTES);
        memcpy(tw_image[b], &image[b], sizeof image[b]);
        durable[b] = image[b];
    }
    begin(false);
    read_all(0);
}

static void run(uint64_t seed)
{
    rnd_state = seed;
    version_count = seen = 0;
    memset(durable, 0xee, sizeof durable);
    tw_done = on_done;
    durable[ROOT] = (struct tw_meta){.magic = TW_MAGIC};
    memset(tw_image[ROOT], 0, DISK_BLOCK_BYTES);
    memcpy(tw_image[ROOT], &durable[ROOT], sizeof durable[ROOT]);
    begin(false);
    read_all(0);
    for (world.step = 0; world.step < STEPS; world.step++) {
        if (rarely(60))
            change_part();
        else if (rarely(300))
            crash();
        else if (fake_disk.finished < fake_disk.given && rnd(2))
            finish_one();
        else
            act(tree_of(1) ? rnd(2) : 0);
        walk(0, NULL);
        walk(1, NULL);
        walk(2, NULL);
    }
}

static void no_crash_finds_a_block_owned_twice(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed);
        while (fake_disk.finished < fake_disk.given)
            tw_finish(DISK_RESULT_OK);
        if (tree_of(1)) {
            OK(BOSS(cap_delete, libraries[1].ring));
            OK(BOSS(cap_delete, libraries[1].frames));
        }
        OK(BOSS(cap_delete, libraries[0].ring));
        OK(BOSS(cap_delete, libraries[0].frames));
        OK(BOSS(cap_delete, TW_TREE));
    }
    printf("# %u requests done; %u refused for order, %u of others; %u parts; at most %u blocks\n",
           done, refused[DISK_ORDER], refused[DISK_OWNER], taken, most);
    assert_true(done > STEPS / 2 && taken > SEEDS && most > 12 &&
                found / STEPS > 10); /* not idle */
    assert_true(refused[DISK_ORDER] > 50 && refused[DISK_OWNER] > 50 && refused[0] > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_crash_finds_a_block_owned_twice, tw_begin, tw_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
