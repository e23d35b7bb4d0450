/* Library text that several programs have in common: one program binds it, others get its tables,
 * see what changes in it, and cannot change it. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/tables.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define LIBRARY      GUEST_FREE
#define LIBRARY_END  (LIBRARY + ((vaddr_t)2 << TABLE_BITS))
#define PAGES        1024u
#define CHILDREN     3u
#define CHILD_FRAMES 256u
#define MARK(page)   (0x11110000u + (page))
#define RWX          (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)

RAW_BLOB(twice) /* returns twice its argument */

typedef uint64_t twice_fn(uint64_t);

/* Page 0 begins with a function; every page ends with a mark. */
static volatile uint64_t *mark_of(uint32_t page)
{
    return (volatile uint64_t *)(LIBRARY + (page + 1) * PAGE_SIZE) - 1;
}

/* Status 0: the library is there, whole, and works. */
static int use(void)
{
    twice_fn *twice;
    const vaddr_t at = LIBRARY;

    for (uint32_t page = 0; page < PAGES; page++)
        if (*mark_of(page) != MARK(page))
            return 1;
    memcpy(&twice, &at, sizeof twice);
    return twice(21) != 42;
}

/* Status 0: marks of pages 5 and 6 were changed by whom it belongs to. */
static int late(void)
{
    return *mark_of(5) != MARK(5) + 1 || *mark_of(6) != MARK(6) + 1;
}

static int be_child(const char *role)
{
    if (!strcmp(role, "use"))
        return use();
    if (!strcmp(role, "late"))
        return late();
    *mark_of(7) = 0;
    return 0;
}

static enum err prepare(struct spawn_child *child, const char *role)
{
    const char *arguments[] = {"libos_share", role, NULL};
    struct archive_entry entry;
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE) | SPAWN_GIVE(SLOT_CPU),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = THREAD_CPU_HERE};

    enum err e = program_find(guest_archive(), "libos_share", &entry);
    if (e)
        return e;
    args.image = entry.data;
    args.image_bytes = entry.bytes;
    return spawn_prepare(child, &args);
}

static void make_library(void)
{
    static struct page_entry batch[BATCH_MAX];
    pfn_t first;
    slot_t frames = guest_frames(PAGES, &first);

    for (uint32_t done = 0; done < PAGES; done += BATCH_MAX) {
        tables_make(LIBRARY + done * PAGE_SIZE);
        for (uint32_t i = 0; i < BATCH_MAX; i++)
            batch[i] = (struct page_entry){LIBRARY + (done + i) * PAGE_SIZE, first + done + i, RWX};
        exo_page_bind(SLOT_ENV, frames, (vaddr_t)batch, BATCH_MAX);
    }
    for (uint32_t page = 0; page < PAGES; page++)
        *mark_of(page) = MARK(page);
    memcpy((void *)LIBRARY, blob_twice, (size_t)(blob_twice_end - blob_twice));
}

static int status_of(struct spawn_child *child)
{
    struct spawn_end end = {0};

    if (spawn_run(child) || spawn_wait(child, &end))
        return -1;
    return end.exited ? end.status : -2;
}

static void users(void)
{
    struct spawn_child child[CHILDREN];
    uint32_t good = 0, small = 0;

    for (uint32_t i = 0; i < CHILDREN; i++) {
        good += prepare(&child[i], "use") == ERR_OK;
        uint32_t before = book_env_read(child[i].number).frames;
        good += tables_share(child[i].env, LIBRARY, LIBRARY_END, RIGHT_READ | RIGHT_EXEC) == ERR_OK;
        small += book_env_read(child[i].number).frames - before <= 2 * TABLE_FRAMES;
    }
    tap_is(good, 2 * CHILDREN, "three programs get a library of four megabytes");
    tap_is(small, CHILDREN, "for two upper tables each");
    for (uint32_t i = 0, used = 0; i < CHILDREN; i++) {
        used += status_of(&child[i]) == 0;
        spawn_destroy(&child[i]);
        if (i == CHILDREN - 1)
            tap_is(used, CHILDREN, "each finds all of it, and its function works");
    }
    tap_is(book_frame_read(cpu_pte_pfn(tables_entry(LIBRARY))).bindings, 1, "it is bound once");
}

static void changes(void)
{
    struct spawn_child child;

    prepare(&child, "late");
    tables_share(child.env, LIBRARY, LIBRARY_END, RIGHT_READ | RIGHT_EXEC);
    tap_is(tables_share(child.env, LIBRARY, LIBRARY_END, RIGHT_READ), ERR_IN_USE, "it is there");
    ++*mark_of(5);
    ++*mark_of(6);
    tap_is(status_of(&child), 0, "what changes here afterwards is seen there");
    spawn_destroy(&child);
    prepare(&child, "write");
    tables_share(child.env, LIBRARY, LIBRARY_END, RIGHT_READ | RIGHT_EXEC);
    tap_ok(status_of(&child) != 0 && *mark_of(7) == MARK(7), "nobody else writes to it");
    spawn_destroy(&child);
    prepare(&child, "use");
    tables_share(child.env, LIBRARY, LIBRARY_END, RIGHT_READ | RIGHT_EXEC);
    exo_table_unshare(SLOT_ENV, LIBRARY, 1);
    tap_ok(status_of(&child) != 0, "taken back, it is not used any more");
    spawn_destroy(&child);
    prepare(&child, "use");
    tap_is(tables_share(child.env, LIBRARY_END, LIBRARY_END + 1, RIGHT_READ), ERR_NO_TABLE,
           "what is not here is not shared");
    spawn_destroy(&child);
}

int main(int argc, char **argv)
{
    guest_begin();
    if (argc > 1)
        return be_child(argv[1]);
    make_library();
    users();
    changes();
    return tap_done();
}
