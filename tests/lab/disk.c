/*
 * Experiments: what the ownership of metadata costs (exo/abi/tree.h). The same block of inodes is
 * written with a ring of the extent, as data and as inodes with a tree's: the call that gives the
 * disk a request that was posted. And what a graft adds to the interrupt that says that one is
 * done. The machine's disk takes longer than the call; a round in which it was done earlier,
 * because the host had something else to do, or that something else interrupted, is run again.
 */
#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "grafts/examples/small_fs.h"
#include "libos/call.h"
#include "libos/disk.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/tree.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/lab.h"

#define EXTENT     256u /* blocks, with a tree; without one is what lies behind */
#define ROOT       1u
#define LOOSE      2u
#define FIRST      16u   /* of the data */
#define EMPTY      2u    /* type of blocks that own nothing */
#define FILES      4u    /* of SMALL_DIRECT blocks each */
#define LOOKS      3u    /* the first that sees it done, the one after it, and one more */
#define AGAIN_MOST 1000u /* rounds that do not count */

static struct lab_series series;

struct request {
    struct disk disk;
    uint32_t op, block;
    uint64_t least; /* ticks of the look that its interrupt came into */
};

static void need(const char *key, enum err e)
{
    if (e)
        lab_fail(key, e);
}

/* A write, from its being posted until the kernel has given it to the disk. False: that was not
 * all that the kernel did. */
static bool write_one(const char *key, struct request *r, uint32_t at)
{
    uint32_t ticket;

    need(key, disk_post(&r->disk, r->op, r->block, 1, 0, &ticket));
    struct lab_sample before = lab_counters();
    uint64_t begin = lab_stamp();
    disk_kick(&r->disk);
    lab_keep(&series, at, lab_stamp() - begin, before);
    const bool alone = lab_counters().entries - before.entries == 1;
    need(key, disk_wait(&r->disk, ticket));
    return alone;
}

/* The time from one look at the counter to the next in which the request became done. Each look
 * costs the same, so the longest of the last is the one that was interrupted. */
static uint64_t interrupted_look(const struct disk *d, uint32_t ticket)
{
    uint64_t last = lab_stamp(), looks[LOOKS] = {0};

    for (uint32_t left = LOOKS; left; left -= disk_state(d, ticket) != 0) {
        const uint64_t now = lab_stamp();
        looks[2] = looks[1];
        looks[1] = looks[0];
        looks[0] = now - last;
        last = now;
    }
    const uint64_t longer = looks[0] > looks[1] ? looks[0] : looks[1];
    return longer > looks[2] ? longer : looks[2];
}

/* A write, until it is done. False: it was before there was a look, or something else interrupted
 * that one as well. */
static bool hear_of_one(const char *key, struct request *r, uint32_t at)
{
    uint32_t ticket;

    need(key, disk_post(&r->disk, r->op, r->block, 1, 0, &ticket));
    disk_kick(&r->disk);
    const bool early = disk_state(&r->disk, ticket) != 0;
    struct lab_sample before = lab_counters();
    const uint64_t look = interrupted_look(&r->disk, ticket);
    lab_keep(&series, at, look, before);
    if (!early && look < r->least)
        r->least = look;
    return !early && look == r->least;
}

typedef bool (*round_fn)(const char *key, struct request *r, uint32_t at);

static void measure(const char *key, struct request *r, round_fn round)
{
    uint32_t again = 0;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS && again < AGAIN_MOST;) {
        bool good = round(key, r, i);
        i += good;
        again += !good;
    }
    if (again == AGAIN_MOST)
        lab_fail(key, ERR_TIMEOUT);
}

/* Reports writes of one block, as that type. `less` is taken off. */
static uint64_t count(const char *key, struct request *r, uint32_t type, uint32_t block,
                      uint64_t less)
{
    r->op = DISK_OF(DISK_WRITE, type);
    r->block = block;
    measure(key, r, write_one);
    lab_report(key, &series, less, 1, 1);
    return lab_median(&series);
}

/* A block of inodes, with so many files of data. */
static void fill(const struct disk *d, uint32_t files)
{
    struct small_inodes *b = disk_page(d, 0);

    memset(b, 0, sizeof *b);
    b->magic = SMALL_INODE_MAGIC;
    for (uint32_t i = 0; i < files; i++) {
        b->inodes[i] = (struct small_inode){.bytes = SMALL_DIRECT * DISK_BLOCK_BYTES, .used = 1};
        for (uint32_t k = 0; k < SMALL_DIRECT; k++)
            b->inodes[i].direct[k] = FIRST + i * SMALL_DIRECT + k;
    }
}

/* A tree, whose root has its inodes and is durable, and a ring for it. */
static void open_tree(const struct archive *a, slot_t extent, struct disk *d)
{
    const struct tree_load load = {.root = ROOT, .type = SMALL_INODES, .is_new = 1, .copies = 1};
    slot_t tree, inodes = lab_graft(a, ".exo4/own_inodes.o", GRAFT_HOOK_OWNERSHIP, SLOT_NONE);
    slot_t empty = lab_constant(GRAFT_HOOK_OWNERSHIP, 0);

    need("a tree", tree_make(extent, &load, &tree));
    need("a template", exo_tree_template(tree, SMALL_INODES, inodes, 0));
    need("an empty template", exo_tree_template(tree, EMPTY, empty, 0));
    need("a ring", disk_open(d, tree, 1));
    fill(d, 0);
    need("the root", disk_write_as(d, SMALL_INODES, ROOT, 0));
    need("a flush", disk_flush(d));
    fill(d, FILES);
    need("the root's files", disk_write_as(d, SMALL_INODES, ROOT, 0));
}

static struct request plain;
static struct archive archive;

static void trees(void)
{
    static struct request owned;
    const uint64_t price = lab_empty();
    slot_t extent;

    need("a slot", slot_take(&extent));
    need("an extent",
         exo_cap_copy(SLOT_ENV, extent, SLOT_DISK, RIGHT_READ | RIGHT_WRITE, 0, EXTENT));
    open_tree(&archive, extent, &owned.disk);
    fill(&plain.disk, FILES);
    count("tree.write.without", &plain, 0, EXTENT + ROOT, price);
    const uint64_t data = count("tree.write.data", &owned, TREE_DATA, FIRST, price);
    count("tree.write.inodes", &owned, SMALL_INODES, ROOT, price);
    count("graft.empty.ownership", &owned, EMPTY, LOOSE, data);
}

/* A graft that has the owner told, as he is without one. */
static void completion(void)
{
    static const char key[] = "graft.empty.disk_done";
    const slot_t graft = lab_constant(GRAFT_HOOK_DISK_DONE, 1);

    plain.op = DISK_WRITE;
    plain.block = EXTENT + ROOT;
    plain.least = UINT64_MAX;
    measure(key, &plain, hear_of_one);
    const uint64_t bare = lab_median(&series);
    lab_bind(key, graft, plain.disk.ring, GRAFT_HOOK_DISK_DONE);
    plain.least = UINT64_MAX;
    measure(key, &plain, hear_of_one);
    lab_report(key, &series, bare, 1, 1);
    slot_delete(graft);
}

static const struct group {
    const char *name;
    void (*run)(void);
} groups[] = {{"trees", trees}, {"done", completion}};

/* All, or the one that is named. */
int main(int argc, char **argv)
{
    enum err e = libos_setup();

    need("lab_disk", e ? e : archive_map(&archive));
    need("a ring without a tree", disk_open(&plain.disk, SLOT_DISK, 1));
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (argc < 2 || strcmp(argv[1], groups[i].name) == 0) {
            log_line("group %s", groups[i].name);
            groups[i].run();
        }
    log_line("end");
    return 0;
}
