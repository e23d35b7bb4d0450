/*
 * Experiments: what the ownership of metadata costs (exo/abi/tree.h). The same block of inodes is
 * written with a ring of the extent, as data and as inodes with a tree's: the call that gives the
 * disk a request that was posted. Rounds that the disk's interrupt fell into do not count: whether
 * the disk is done by then is not the guest's. In a machine with a disk.
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

#define EXTENT 256u /* blocks, with a tree; without one is what lies behind */
#define ROOT   1u
#define LOOSE  2u
#define FIRST  16u /* of the data */
#define EMPTY  2u  /* type of blocks that own nothing */
#define FILES  4u  /* of SMALL_DIRECT blocks each */
#define TRIES  1000u

static struct lab_series series;

struct request {
    struct disk disk;
    uint32_t op, block;
};

static void need(const char *key, enum err e)
{
    if (e)
        lab_fail(key, e);
}

/* A write, from its being posted until the kernel has given it to the disk. */
static void write_one(const char *key, struct request *r, uint32_t at)
{
    struct lab_sample before;
    uint32_t ticket;

    for (uint32_t tries = 0; tries < TRIES; tries++) {
        need(key, disk_post(&r->disk, r->op, r->block, 1, 0, &ticket));
        before = lab_counters();
        uint64_t begin = lab_stamp();
        disk_kick(&r->disk);
        lab_keep(&series, at, lab_stamp() - begin, before);
        const bool alone = lab_counters().entries - before.entries == 1;
        need(key, disk_wait(&r->disk, ticket));
        if (alone)
            return;
    }
    lab_fail(key, ERR_TIMEOUT);
}

/* Reports writes of one block, as that type. `less` is taken off. */
static uint64_t count(const char *key, struct request *r, uint32_t type, uint32_t block,
                      uint64_t less)
{
    r->op = DISK_OF(DISK_WRITE, type);
    r->block = block;
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++)
        write_one(key, r, i);
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

int main(void)
{
    static struct request plain, owned;
    struct archive archive;
    slot_t extent;
    enum err e = libos_setup();

    need("lab_tree", e ? e : archive_map(&archive));
    need("a slot", slot_take(&extent));
    need("an extent",
         exo_cap_copy(SLOT_ENV, extent, SLOT_DISK, RIGHT_READ | RIGHT_WRITE, 0, EXTENT));
    open_tree(&archive, extent, &owned.disk);
    need("a ring without a tree", disk_open(&plain.disk, SLOT_DISK, 1));
    fill(&plain.disk, FILES);
    const uint64_t price = lab_empty();
    count("tree.write.without", &plain, 0, EXTENT + ROOT, price);
    const uint64_t data = count("tree.write.data", &owned, TREE_DATA, FIRST, price);
    count("tree.write.inodes", &owned, SMALL_INODES, ROOT, price);
    count("graft.empty.ownership", &owned, EMPTY, LOOSE, data);
    log_line("end");
    return 0;
}
