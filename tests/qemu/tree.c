/*
 * Two library file systems, strangers to each other, on one extent of the real disk: each in an
 * environment of its own, with a tree that was made of a part of the volume's. They work at the
 * same time; one of them then tries what it may not. In the end the volume is read again from the
 * disk.
 */
#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/servers/program.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"
#include "tests/qemu/tree_fs.h"

#define EXTENT      512u /* blocks */
#define VOLUME      64u
#define ROOT_OF(i)  (65u + (i))
#define PART        128u
#define FIRST_OF(i) (200u + (i)*PART)
#define WRONG       3u /* a type */
#define ROUNDS      2u
#define LENGTH      14u /* of files: some of it by pointers */

#define OBJECT_MAX 16384u /* bytes of a template's object */

#define CHILD_TREE   SLOT_FREE
#define CHILD_FRAMES 512u

struct library {
    slot_t tree;
    struct spawn_child child;
};

static slot_t inodes, pointers, volume_type, extent;

/* Line of what went wrong, as an exit status. */
#define NEED(what)                                                                                 \
    if (!(what))                                                                                   \
    return 1 + __LINE__ % 255

static struct tree_block look(const struct tree_fs *fs, uint32_t block)
{
    struct tree_block b = {0};

    tree_look(fs->tree, block, &b);
    return b;
}

static int work(struct tree_fs *fs, uint64_t value)
{
    for (uint32_t i = 0; i < LENGTH; i++)
        NEED(tree_fs_append(fs, 0, value + i) == ERR_OK);
    for (uint32_t i = 0; i < LENGTH; i++)
        NEED(tree_fs_holds(fs, 0, i, value + i));
    uint32_t last = tree_fs_where(fs, 0, LENGTH - 1);
    NEED(look(fs, last).owner == fs->inodes->inodes[0].pointers);
    NEED(look(fs, fs->inodes->inodes[0].pointers).owner == fs->root);
    NEED(tree_fs_move(fs, 0, 1) == ERR_OK);
    NEED(tree_fs_where(fs, 1, 0) == last && look(fs, last).owner == fs->root);
    NEED(tree_fs_holds(fs, 1, 0, value + LENGTH - 1));
    NEED(tree_fs_truncate(fs, 0) == ERR_OK && look(fs, last).state == TREE_OWNED);
    NEED(tree_fs_truncate(fs, 1) == ERR_OK && look(fs, last).state == TREE_FREE);
    NEED(look(fs, fs->root).owns == 0);
    return 0;
}

/* Writes the block of inodes with one change in it, and takes that back. */
static enum err forge(struct tree_fs *fs, uint32_t *where, uint32_t what)
{
    const uint32_t was = *where;

    *where = what;
    enum err e = disk_write_as(&fs->disk, SMALL_INODES, fs->root, 0);
    *where = was;
    return e;
}

/* What one may not do to oneself, and to the other one. */
static int attack(struct tree_fs *fs, uint32_t other)
{
    struct small_inode *n = fs->inodes->inodes;
    uint32_t own, spare;

    NEED(tree_fs_append(fs, 0, 5) == ERR_OK && tree_fs_append(fs, 0, 6) == ERR_OK);
    own = n[0].direct[0];
    NEED(forge(fs, &n[0].direct[2], FIRST_OF(other)) == ERR_NO_RIGHT);
    NEED(forge(fs, &n[0].direct[2], FIRST_OF(other) + PART - 1) == ERR_NO_RIGHT);
    NEED(forge(fs, &n[0].direct[2], ROOT_OF(other)) == ERR_NO_RIGHT);
    NEED(forge(fs, &n[0].direct[2], fs->root) == ERR_NO_RIGHT);
    NEED(forge(fs, &n[0].direct[2], VOLUME) == ERR_NO_RIGHT);
    NEED(forge(fs, &n[0].direct[2], 0xffffffff) == ERR_BAD_GRAFT);
    NEED(forge(fs, &n[0].direct[2], own) == ERR_BAD_GRAFT); /* twice */
    NEED(forge(fs, &n[0].pointers, own) == ERR_BAD_GRAFT);
    NEED(forge(fs, &fs->inodes->magic, 0) == ERR_BAD_GRAFT);
    NEED(tree_find_free(fs->tree, fs->first, fs->count, &spare) == ERR_OK);
    NEED(forge(fs, &n[0].pointers, spare) == ERR_IN_USE); /* a block of pointers that is none */
    NEED(disk_read(&fs->disk, FIRST_OF(other), 1, 2) == ERR_BAD_ARG);
    NEED(disk_read(&fs->disk, ROOT_OF(other), 1, 2) == ERR_BAD_ARG);
    NEED(disk_read(&fs->disk, spare, 1, 2) == ERR_BAD_ARG);
    NEED(disk_write(&fs->disk, FIRST_OF(other), 1, 2) == ERR_BAD_ARG);
    NEED(disk_write(&fs->disk, ROOT_OF(other), 1, 2) == ERR_BAD_ARG);
    NEED(disk_write_as(&fs->disk, SMALL_INODES, ROOT_OF(other), 0) == ERR_BAD_ARG);
    NEED(disk_write(&fs->disk, fs->root, 1, 0) == ERR_BAD_ARG);
    NEED(disk_write_as(&fs->disk, SMALL_POINTERS, fs->root, 0) == ERR_BAD_ARG);
    NEED(disk_write_as(&fs->disk, SMALL_POINTERS, own, 0) == ERR_BAD_ARG);
    /* a template that answers wrong harms nobody else */
    NEED(exo_tree_template(fs->tree, WRONG, pointers, 0) == ERR_OK);
    NEED(disk_write_as(&fs->disk, WRONG, spare, 0) == ERR_NO_RIGHT);
    NEED(exo_tree_release(fs->tree, own) == ERR_BAD_STATE);
    NEED(exo_tree_template(fs->tree, SMALL_INODES, pointers, 0) == ERR_IN_USE);
    NEED(look(fs, fs->root).owns == 2 && look(fs, own).owner == fs->root);
    NEED(tree_fs_holds(fs, 0, 0, 5) && tree_fs_holds(fs, 0, 1, 6));
    return 0;
}

/* In an environment of its own: `which` is 0 or 1. */
static int library(uint32_t which, bool hostile)
{
    struct tree_fs fs;
    int wrong = 0;

    NEED(tree_fs_open(&fs, CHILD_TREE, ROOT_OF(which), FIRST_OF(which), PART) == ERR_OK);
    NEED(tree_fs_templates(CHILD_TREE, inodes, pointers) == ERR_OK);
    NEED(tree_fs_format(&fs) == ERR_OK);
    for (uint32_t i = 0; i < ROUNDS && !wrong; i++)
        wrong = work(&fs, 1000 * (which + 1) + i);
    if (!wrong && hostile)
        wrong = attack(&fs, !which);
    if (!wrong && !hostile)
        NEED(tree_fs_append(&fs, 3, 4711) == ERR_OK);
    tree_fs_close(&fs);
    return wrong;
}

/* A copy of a graft's object; its length, 0: there is none. */
static uint64_t object_of(const char *name, uint8_t *copy)
{
    struct archive_entry e;

    if (archive_find(guest_archive(), name, &e) != ERR_OK || e.bytes > OBJECT_MAX)
        return 0;
    memcpy(copy, e.data, e.bytes);
    return e.bytes;
}

static enum err make_type(const uint8_t *object, uint64_t bytes, struct graft_report *report,
                          slot_t *slot)
{
    const struct graft_load l = {.object = (vaddr_t)object,
                                 .bytes = bytes,
                                 .report = (vaddr_t)report,
                                 .hook = GRAFT_HOOK_OWNERSHIP};
    pfn_t frame = PFN_ANY;

    *slot = guest_slot();
    region_find(GRAFT_FRAMES(bytes), &frame);
    return exo_graft_create(SLOT_MEMORY, frame, *slot, (vaddr_t)&l);
}

static bool type_of(const char *name, slot_t *slot)
{
    static uint8_t copy[OBJECT_MAX];
    struct graft_report report;
    uint64_t bytes = object_of(name, copy);

    return bytes && make_type(copy, bytes, &report, slot) == ERR_OK;
}

static bool make_types(void)
{
    return type_of(".exo4/own_inodes.o", &inodes) && type_of(".exo4/own_pointers.o", &pointers);
}

/* Writes the volume block, with so many roots. */
static enum err write_volume(struct disk *d, uint32_t roots)
{
    struct small_volume *v = disk_page(d, 0);

    memset(v, 0, sizeof *v);
    v->magic = SMALL_VOLUME_MAGIC;
    for (uint32_t i = 0; i < roots; i++)
        v->roots[i] = ROOT_OF(i);
    return disk_write_as(d, SMALL_VOLUME, VOLUME, 0);
}

static void test_volume(slot_t tree, struct disk *d)
{
    tap_is(disk_open(d, tree, 2), ERR_OK, "a ring with the volume's tree");
    tap_is(exo_tree_template(tree, SMALL_VOLUME, volume_type, 0), ERR_OK, "and its template");
    tap_is(write_volume(d, 0), ERR_OK, "the volume block first");
    tap_is(disk_flush(d), ERR_OK, "durable");
    tap_is(write_volume(d, 1), ERR_IN_USE, "a root is written before it is named");
    memset(disk_page(d, 1), 0, DISK_BLOCK_BYTES);
    for (uint32_t i = 0; i < 2; i++)
        tap_is(disk_write_as(d, TREE_ROOT, ROOT_OF(i), 1), ERR_OK, "two roots");
    tap_is(write_volume(d, 2), ERR_IN_USE, "and is durable");
    disk_flush(d);
    tap_is(write_volume(d, 2), ERR_OK, "then they are named");
}

static struct tree_load part_of(uint32_t which, bool is_new)
{
    return (struct tree_load){.root = ROOT_OF(which),
                              .type = SMALL_INODES,
                              .is_new = is_new,
                              .copies = 2,
                              .first = FIRST_OF(which),
                              .count = PART};
}

static enum err start(struct library *l, slot_t volume, uint32_t which, const char *role)
{
    const char *arguments[] = {"tree", role, NULL};
    const struct tree_load load = part_of(which, true);
    struct archive_entry file;
    struct spawn_args args = {.name = "library",
                              .arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE) | SPAWN_GIVE(SLOT_ARCHIVE),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = THREAD_CPU_HERE};
    enum err e = tree_make(volume, &load, &l->tree);

    if (e == ERR_OK)
        e = program_find(guest_archive(), "tree", &file);
    args.image = file.data;
    args.image_bytes = file.bytes;
    if (e == ERR_OK)
        e = spawn_prepare(&l->child, &args);
    if (e == ERR_OK)
        e = exo_cap_copy(l->child.env, CHILD_TREE, l->tree, RIGHT_READ | RIGHT_WRITE, 0, 0);
    return e ? e : spawn_run(&l->child);
}

static void test_libraries(slot_t volume, struct library *both)
{
    struct spawn_end end = {0};

    tap_is(start(&both[0], volume, 0, "0"), ERR_OK, "one library begins");
    tap_is(start(&both[1], volume, 1, "1 hostile"), ERR_OK, "and a stranger beside it");
    for (uint32_t i = 0; i < 2; i++) {
        spawn_wait(&both[i].child, &end);
        tap_ok(end.exited, "it ended by itself");
        tap_is(end.status, 0, "all was as it should be (else the line, modulo 255)");
        spawn_destroy(&both[i].child);
    }
}

/* What the libraries cannot do, the volume's owner cannot either. */
static void test_volume_and_parts(slot_t volume, struct disk *d, struct library *both)
{
    struct disk raw;

    tap_is(write_volume(d, 1), ERR_IN_USE, "a root with a tree is not dropped");
    tap_is(disk_write(d, FIRST_OF(0), 1, 1), ERR_BAD_ARG, "nor is a part written from outside");
    disk_open(&raw, SLOT_DISK, 1);
    tap_is(disk_write(&raw, FIRST_OF(0), 1, 0), ERR_BAD_ARG, "nor with the extent");
    tap_is(disk_write(&raw, VOLUME, 1, 0), ERR_BAD_ARG, "nor is the volume block");
    tap_is(disk_read(&raw, VOLUME, 1, 0), ERR_OK, "which who has the extent reads");
    disk_close(&raw);
    for (uint32_t i = 0; i < 2; i++)
        slot_delete(both[i].tree);
    tap_is(exo_tree_template(volume, SMALL_VOLUME, volume_type, 0), ERR_IN_USE,
           "the type of a block that is there stays");
}

/* As after a boot: only what the disk says counts. */
static void test_again(slot_t *volume, struct disk *d)
{
    const struct tree_load load = {.root = VOLUME, .type = SMALL_VOLUME, .copies = 1};
    static struct tree_fs fs[2];
    slot_t trees[2];

    disk_close(d);
    slot_delete(*volume);
    tap_is(tree_make(extent, &load, volume), ERR_OK, "the volume again, from the disk");
    tap_is(disk_open(d, *volume, 2), ERR_OK, "a ring for it");
    exo_tree_template(*volume, SMALL_VOLUME, volume_type, 0);
    tap_is(write_volume(d, 2), ERR_IN_USE, "it is not written before it is read");
    tap_is(disk_read(d, VOLUME, 1, 0), ERR_OK, "read it");
    for (uint32_t i = 0; i < 2; i++) {
        const struct tree_load part = part_of(i, false);
        tap_is(tree_make(*volume, &part, &trees[i]), ERR_OK, "and the part of a library");
        tree_fs_open(&fs[i], trees[i], ROOT_OF(i), FIRST_OF(i), PART);
        tree_fs_templates(trees[i], inodes, pointers);
        tap_is(tree_fs_mount(&fs[i]), ERR_OK, "whose blocks are each found once");
    }
    tap_ok(tree_fs_holds(&fs[0], 3, 0, 4711), "with the data of one");
    tap_ok(tree_fs_holds(&fs[1], 0, 0, 5), "and of the other");
    tap_is(tree_fs_length(&fs[0], 0), 0, "and what was dropped is not there");
    tap_is(tree_fs_append(&fs[0], 5, 1), ERR_OK, "and they go on");
    for (uint32_t i = 0; i < 2; i++)
        tree_fs_close(&fs[i]);
    tap_is(exo_cap_revoke(SLOT_DISK), ERR_OK, "take the extent back: the trees go, too");
    tap_ok(!slot_cap(trees[0]) && !slot_cap(*volume), "both of them");
}

/* A graft whose answer may differ from time to time is none for this. */
static void test_refused(void)
{
    static const uint8_t owns[8] = {0x85, 0, 0, 0, 1, 0, 1, 0};
    static uint8_t copy[OBJECT_MAX];
    struct graft_report report = {0};
    uint64_t bytes = object_of(".exo4/own_volume.o", copy);
    unsigned changed = 0;
    slot_t slot;

    for (uint64_t i = 0; i + sizeof owns <= bytes; i += sizeof owns)
        if (!memcmp(copy + i, owns, sizeof owns)) {
            copy[i + 4] = 5; /* what time is it? */
            copy[i + 6] = 0;
            changed++;
        }
    tap_ok(changed > 0, "a template that asks for the time instead");
    tap_is(make_type(copy, bytes, &report, &slot), ERR_BAD_GRAFT, "is refused");
    tap_is(report.reason, GRAFT_CALL_HELPER, "and is told why");
    slot_give(slot);
}

int main(int argc, char **argv)
{
    static struct library both[2];
    const struct tree_load load = {.root = VOLUME, .type = SMALL_VOLUME, .is_new = 1, .copies = 1};
    struct disk d;
    slot_t volume;

    guest_begin();
    bool good = make_types();
    if (argc > 1)
        return good ? library((uint32_t)(argv[1][0] - '0'), argv[1][1] != 0) : 255;
    tap_plan(40);
    tap_ok(good && type_of(".exo4/own_volume.o", &volume_type), "make templates");
    test_refused();
    extent = guest_slot();
    exo_cap_copy(SLOT_ENV, extent, SLOT_DISK, RIGHT_READ | RIGHT_WRITE, 0, EXTENT);
    tap_is(tree_make(extent, &load, &volume), ERR_OK, "a tree of an extent");
    test_volume(volume, &d);
    test_libraries(volume, both);
    test_volume_and_parts(volume, &d, both);
    test_again(&volume, &d);
    return tap_done();
}
