/* hide=1: what is others' is in no table and behind no call, and libos runs all the same. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/tables.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define CHILD_FRAMES 256u
#define VA           GUEST_FREE

/* How many environments, frames and slices that are not this one's are seen, and how many frames
 * are its own. */
struct sight {
    uint32_t envs, frames, slices, objects, own;
};

static struct sight look(void)
{
    static struct frame_info frames[INFO_READ_MAX];
    const uint32_t self = (uint32_t)book_utcb()->env;
    struct sight s = {0};

    for (uint32_t env = 1; env < ENV_MAX; env++)
        s.envs += env != self && book_env_read(env).frame != 0;
    for (pfn_t pfn = 0; pfn < KINFO->frame_count; pfn++) {
        uint32_t at = pfn % INFO_READ_MAX, left = KINFO->frame_count - pfn;
        if (at == 0)
            book_read(INFO_FRAMES, pfn, left < INFO_READ_MAX ? left : INFO_READ_MAX, frames);
        bool own = frames[at].owner == self;
        s.own += own;
        s.frames += !own && (frames[at].owner || frames[at].bindings || frames[at].origin ||
                             frames[at].first || frames[at].level);
    }
    for (uint32_t i = 0; i < KINFO->cpu_count; i++) {
        struct cpu_info cpu;
        book_read(INFO_CPUS, i, 1, &cpu);
        s.slices += cpu.thread != 0 || cpu.slices_run != 0;
        for (uint32_t n = 0; n < SLICE_COUNT; n++)
            s.slices += cpu.slices[n].env != 0 && cpu.slices[n].env != self;
    }
    for (uint32_t i = 0; i < OBJECT_MAX; i++) {
        struct object_info object;
        book_read(INFO_OBJECTS, i, 1, &object);
        s.objects += object.frame != 0;
    }
    return s;
}

static bool sees_nothing(const struct sight *s)
{
    return s->envs + s->frames + s->slices + s->objects == 0;
}

/* Status 0: the child sees itself and nobody else. */
static int child(void)
{
    struct sight s = look();

    return sees_nothing(&s) && s.own > 0 ? 0 : 1;
}

static void windows(void)
{
    tap_is(KINFO->hidden, 1, "the kernel hides");
    tap_ok(probe_read(WINDOW_FRAMES) && probe_read(WINDOW_ENVS), "no frames, no environments");
    tap_ok(probe_read(WINDOW_CPUS) && probe_read(WINDOW_OBJECTS), "no CPUs, no rings or grafts");
    tap_ok(!probe_read(WINDOW_KIP) && !probe_read(WINDOW_KINFO), "what is nobody's is there");
}

static void own(void)
{
    struct sight s = look();

    tap_is(s.envs, 0, "no other environment is seen");
    tap_is(s.frames, 0, "nor anything of another's frames");
    tap_is(s.slices, 0, "nor others' slices, nor what CPUs count");
    tap_is(s.objects, 0, "nor rings and grafts");
    tap_is(s.own, book_env_read((uint32_t)book_utcb()->env).frames, "all of ours is");
}

static void refusals(void)
{
    struct raw r;
    word_t got = 0;
    slot_t slot = guest_slot();

    raw_make(&r, BLOB(spin));
    pfn_t frame = slot_cap(r.env)->base;
    tap_is(exo_frames_alloc_get(SLOT_MEMORY, frame, 1, slot, &got), ERR_IN_USE, "another's frame");
    tap_is((long)(got >> 32), OWNER_HIDDEN, "the refusal does not say whose");
    tap_is((long)(pfn_t)got, frame, "but which");
    tap_is(exo_frames_alloc_get(SLOT_MEMORY, r.first, 1, slot, &got), ERR_IN_USE, "our own");
    tap_is((long)(got >> 32), (long)book_utcb()->env, "is said to be ours");
    tap_is(guest_bind(SLOT_ENV, SLOT_ENV, VA, book_env_read((uint32_t)book_utcb()->env).root + 1,
                      RIGHT_READ),
           ERR_BAD_ARG, "nodes, which name others', are not shown");
    tap_is(book_env_read(r.number).frame, frame, "whom we made we see");
    raw_start(&r, 0);
    guest_sleep(5000);
    exo_thread_stop(r.thread);
    raw_destroy(&r);
    tap_is(book_env_read(r.number).frame, 0, "until it is gone");
    slot_give(slot);
}

static void authority(void)
{
    struct frame_info f = {0};
    const pfn_t frame = book_env_read((uint32_t)book_utcb()->env).frame;

    tap_ok(slot_cap(SLOT_INSPECT), "we hold the capability to inspect");
    tap_is(exo_info_read(INFO_FRAMES, frame, 1, (vaddr_t)&f, SLOT_INSPECT), ERR_OK, "with it");
    tap_is((long)f.owner, (long)book_utcb()->env, "our frame is ours");
    struct env_info e = {0};
    tap_is(exo_info_read(INFO_ENVS, 1, 1, (vaddr_t)&e, SLOT_INSPECT), ERR_OK, "with it");
    tap_ok(e.frame != 0, "the first environment is seen");
}

/* libos' own modules, which read the book-keeping. */
static void libos(void)
{
    struct spawn_child c;
    struct spawn_end end = {0};
    vaddr_t at = 0;

    tap_is(guest_spawn(&c, "hide", "child", CHILD_FRAMES, THREAD_CPU_HERE, 0), ERR_OK,
           "start a program");
    tap_is(spawn_wait(&c, &end), ERR_OK, "wait for it");
    tap_ok(end.exited && end.status == 0, "it saw itself only");
    spawn_destroy(&c);
    uint32_t before = region_free_count();
    tap_ok(before > 0, "the region's free frames are counted");
    tap_is(vm_map(&at, 64 * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE), ERR_OK, "map memory");
    memset((void *)at, 1, 64 * PAGE_SIZE);
    tap_ok(region_free_count() + 64 <= before, "it took frames");
    vm_unmap(at, 64 * PAGE_SIZE);
}

int main(int argc, char **argv)
{
    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "child"))
        return child();
    guest_tables(SLOT_ENV, VA);
    windows();
    own();
    refusals();
    authority();
    libos();
    return tap_done();
}
