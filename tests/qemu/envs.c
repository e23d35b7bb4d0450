/* Environments and threads: making, extending, naming, watching, starting and stopping them. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define SLOT_EMPTY  100u
#define SLOT_BEYOND (CAP_SLOTS + 5u)

static slot_t weak_env; /* this environment, without the right to write */
static pfn_t tiny_first;
static slot_t tiny; /* a region of one free frame, which PFN_ANY reaches last */

static void prepare(void)
{
    weak_env = guest_slot();
    exo_cap_copy(SLOT_ENV, weak_env, SLOT_ENV, RIGHT_READ, 0, 0);
    tiny = guest_slot();
    tiny_first = slot_cap(SLOT_MEMORY)->base + slot_cap(SLOT_MEMORY)->count - 1;
    exo_cap_copy(SLOT_ENV, tiny, SLOT_MEMORY, RIGHT_ALL, tiny_first, 1);
}

static void create_errors(void)
{
    slot_t dst = guest_slot();
    pfn_t used = book_env((uint32_t)book_utcb()->env)->frame;

    tap_is(exo_env_create(tiny, tiny_first, dst), ERR_BAD_ARG, "frames that leave the region");
    tap_is(exo_env_create(SLOT_MEMORY, PFN_ANY, SLOT_NONE), ERR_BAD_ARG, "into SLOT_NONE");
    tap_is(exo_env_create(SLOT_MEMORY, PFN_ANY, SLOT_BEYOND), ERR_BAD_ARG, "into no slot");
    tap_is(exo_env_create(SLOT_ENV, PFN_ANY, dst), ERR_BAD_CAP, "from what is no region");
    tap_is(exo_env_create(SLOT_MEMORY, PFN_ANY, SLOT_ENV), ERR_IN_USE, "into a filled slot");
    tap_is(exo_env_create(tiny, PFN_ANY, dst), ERR_NO_MEM, "from a region that is too small");
    const volatile struct cap *memory = slot_cap(SLOT_MEMORY);
    pfn_t mine = memory->base;
    while (book_frame(mine)->type == FRAME_FREE)
        mine++;
    tap_is(exo_env_create(SLOT_MEMORY, mine, dst), ERR_IN_USE, "of frames that are not free");
    tap_ok(used != 0, "the book-keeping names our own frame");
    slot_give(dst);
}

static void created(void)
{
    slot_t slot = guest_slot();
    word_t number = 0;

    tap_is(exo_env_create_get(SLOT_MEMORY, PFN_ANY, slot, &number), ERR_OK, "an environment");
    const volatile struct env_info *e = book_env((uint32_t)number);
    pfn_t frame = e->frame;
    tap_ok(frame == slot_cap(slot)->base && e->state == ENV_ALIVE &&
               e->parent == book_utcb()->env && e->threads == 0 && e->frames == ENV_FRAMES,
           "the book-keeping shows it");
    tap_ok(book_frame(frame)->type == FRAME_ENV && book_frame(e->root)->type == FRAME_TABLE &&
               book_frame(e->captables[0])->type == FRAME_CAPTABLE,
           "and the frame table its frames");
    slot_delete(slot);
    tap_ok(e->frame == 0 && book_frame(frame)->type == FRAME_FREE, "deleted, it leaves nothing");
}

/* As many as there can be. */
static void all_numbers(void)
{
    static slot_t slots[ENV_MAX];
    uint32_t made = 0, living = 0;
    enum err e = ERR_OK;

    for (uint32_t n = 1; n < ENV_MAX; n++)
        living += book_env(n)->frame != 0;
    while (made < ENV_MAX && e == ERR_OK) {
        slots[made] = guest_slot();
        pfn_t base;
        e = region_find(ENV_FRAMES, &base);
        if (e == ERR_OK)
            e = exo_env_create(SLOT_MEMORY, base, slots[made]);
        made += e == ERR_OK;
    }
    tap_is(e, ERR_NO_MEM, "environments until their numbers run out");
    tap_is(made, ENV_MAX - 1 - living, "there were as many as the page says");
    for (uint32_t i = 0; i < made; i++)
        slot_delete(slots[i]);
    slot_give(slots[made]);
    uint32_t left = 0;
    for (uint32_t n = 1; n < ENV_MAX; n++)
        left += book_env(n)->frame != 0;
    tap_is(left, living, "all are gone again");
}

static void extending(void)
{
    slot_t env = guest_slot();
    word_t first = 0;
    enum err e = ERR_OK;

    exo_env_create(SLOT_MEMORY, PFN_ANY, env);
    tap_is(exo_env_extend(env, tiny, tiny_first + 1), ERR_BAD_ARG, "a frame outside the region");
    tap_is(exo_env_extend(SLOT_EMPTY, SLOT_MEMORY, PFN_ANY), ERR_BAD_CAP, "extend nothing");
    tap_is(exo_env_extend(env, SLOT_ENV, PFN_ANY), ERR_BAD_CAP, "extend from no region");
    tap_is(exo_env_extend(weak_env, SLOT_MEMORY, PFN_ANY), ERR_NO_RIGHT,
           "extend without the right");
    tap_is(exo_env_extend(env, SLOT_MEMORY, slot_cap(env)->base), ERR_IN_USE,
           "extend by a frame that is not free");
    tap_is(exo_cap_copy(env, 128, SLOT_CONSOLE, RIGHT_READ, 0, 0), ERR_BAD_ARG,
           "slot 128 is not there");
    tap_is(exo_env_extend_get(env, tiny, PFN_ANY, &first), ERR_OK, "extend");
    tap_is((long)first, CAPS_PER_FRAME, "it says the first new slot");
    tap_is(exo_cap_copy(env, 128, SLOT_CONSOLE, RIGHT_READ, 0, 0), ERR_OK, "slot 128 is there");
    tap_is(exo_env_extend(env, tiny, PFN_ANY), ERR_NO_MEM, "extend from an empty region");
    for (uint32_t i = 2; i < CAPTABLE_FRAMES && e == ERR_OK; i++)
        e = exo_env_extend(env, SLOT_MEMORY, PFN_ANY);
    tap_is(e, ERR_OK, "extend to the last frame");
    tap_is(exo_cap_copy(env, CAP_SLOTS - 1, SLOT_CONSOLE, RIGHT_READ, 0, 0), ERR_OK,
           "the last slot is there");
    tap_is(exo_env_extend(env, SLOT_MEMORY, PFN_ANY), ERR_NO_MEM, "extend beyond it");
    slot_delete(env);
    tap_is(book_frame(tiny_first)->type, FRAME_FREE, "the table's frames go with it");
}

static void naming(void)
{
    uint64_t name[2] = {0, 0};
    const volatile struct env_info *e = book_env((uint32_t)book_utcb()->env);

    memcpy(name, "a new name", 10);
    tap_is(exo_env_name(SLOT_ENV, 0x1f, 0), ERR_BAD_ARG, "a name with a control character");
    tap_is(exo_env_name(SLOT_ENV, name[0], (word_t)0x80 << 56), ERR_BAD_ARG,
           "a name with a byte above ASCII");
    tap_is(exo_env_name(SLOT_EMPTY, name[0], name[1]), ERR_BAD_CAP, "name nothing");
    tap_is(exo_env_name(weak_env, name[0], name[1]), ERR_NO_RIGHT, "name without the right");
    tap_is(exo_env_name(SLOT_ENV, name[0], name[1]), ERR_OK, "name");
    tap_ok(!strncmp((const char *)e->name, "a new name", 16), "the book-keeping shows it");
}

static void watching(void)
{
    struct raw r;
    slot_t bell, deaf = guest_slot(), weak = guest_slot(), env = guest_slot();
    word_t got = 0;

    notify_new(&bell);
    exo_cap_copy(SLOT_ENV, deaf, bell, RIGHT_READ, 0, 0);
    exo_env_create(SLOT_MEMORY, PFN_ANY, env);
    exo_cap_copy(SLOT_ENV, weak, env, RIGHT_READ, 0, 0);
    tap_is(exo_env_watch(env, bell, 0), ERR_BAD_ARG, "watch with no bit");
    tap_is(exo_env_watch(SLOT_EMPTY, bell, 1), ERR_BAD_CAP, "watch nothing");
    tap_is(exo_env_watch(env, SLOT_ENV, 1), ERR_BAD_CAP, "watch by what is no notification");
    tap_is(exo_env_watch(weak, bell, 1), ERR_NO_RIGHT, "watch without the right");
    tap_is(exo_env_watch(env, deaf, 1), ERR_NO_RIGHT, "watch by one that may only be read");
    tap_is(exo_env_watch(env, bell, 4), ERR_OK, "watch");
    tap_is(exo_env_watch(env, bell, 8), ERR_IN_USE, "watch twice");
    slot_delete(env);
    tap_is(exo_notify_wait_get(bell, ~(word_t)0, 0, &got), ERR_OK, "destroyed: told");
    tap_is((long)got, 4, "by the bit that was asked for");
    raw_make(&r, BLOB(undefined));
    raw_start(&r, 0);
    tap_is(raw_wait(&r), ERR_OK, "ended by an exception: told");
    tap_ok(book_env(r.number)->death == 1 + 6 && book_env(r.number)->death_ip == RAW_CODE &&
               book_env(r.number)->state == ENV_DYING,
           "the book-keeping says which and where");
    tap_is(raw_start(&r, 0), ERR_BAD_STATE, "it cannot be started again");
    raw_destroy(&r);
    raw_make(&r, BLOB(spin));
    raw_start(&r, 0);
    tap_is(guest_unbind(r.env, RAW_UTCB), ERR_OK, "the last thread's UTCB goes");
    tap_is(raw_wait(&r), ERR_OK, "told");
    tap_is((long)book_env(r.number)->death, 0, "without an exception");
    raw_destroy(&r);
    slot_delete(deaf);
    slot_delete(bell);
}

static void lending(void)
{
    slot_t env = guest_slot(), weak = guest_slot(), poor = guest_slot();

    exo_env_create(SLOT_MEMORY, PFN_ANY, env);
    exo_cap_copy(SLOT_ENV, weak, env, RIGHT_READ, 0, 0);
    exo_cap_copy(SLOT_ENV, poor, SLOT_MEMORY, RIGHT_READ, 0, 0);
    tap_is(exo_env_kmem(SLOT_EMPTY, SLOT_MEMORY), ERR_BAD_CAP, "lend to nothing");
    tap_is(exo_env_kmem(env, SLOT_ENV), ERR_BAD_CAP, "lend what is no region");
    tap_is(exo_env_kmem(weak, SLOT_MEMORY), ERR_NO_RIGHT, "lend to whom may not be written");
    tap_is(exo_env_kmem(env, poor), ERR_NO_RIGHT, "lend a region that may only be read");
    tap_is(exo_env_kmem(env, SLOT_MEMORY), ERR_OK, "lend");
    tap_is(exo_env_kmem(env, SLOT_MEMORY), ERR_IN_USE, "lend twice");
    slot_delete(poor);
    slot_delete(env);
    slot_give(weak);
}

static void thread_errors(vaddr_t utcb)
{
    slot_t dst = guest_slot();
    vaddr_t text = (vaddr_t)thread_errors & ~(PAGE_SIZE - 1);

    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, utcb + 8, 0, dst), ERR_BAD_ARG,
           "an unaligned UTCB");
    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, WINDOW_KINFO, 0, dst), ERR_BAD_ARG,
           "a UTCB in the kernel's window");
    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, utcb, THREAD_FIRST - 1, dst),
           ERR_BAD_ARG, "a number too low");
    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, utcb, THREAD_MAX, dst), ERR_BAD_ARG,
           "a number too high");
    tap_is(exo_thread_create(SLOT_ENV, tiny, tiny_first + 1, utcb, 0, dst), ERR_BAD_ARG,
           "a frame outside the region");
    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, utcb, 0, SLOT_NONE), ERR_BAD_ARG,
           "into SLOT_NONE");
    tap_is(exo_thread_create(SLOT_EMPTY, SLOT_MEMORY, PFN_ANY, utcb, 0, dst), ERR_BAD_CAP,
           "in no environment");
    tap_is(exo_thread_create(SLOT_ENV, SLOT_ENV, PFN_ANY, utcb, 0, dst), ERR_BAD_CAP,
           "from no region");
    tap_is(exo_thread_create(weak_env, SLOT_MEMORY, PFN_ANY, utcb, 0, dst), ERR_NO_RIGHT,
           "in an environment that may not be written");
    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, utcb, 0, SLOT_ENV), ERR_IN_USE,
           "into a filled slot");
    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, slot_cap(SLOT_IMAGE)->base, utcb, 0, dst),
           ERR_BAD_ARG, "of a frame of somebody else's region");
    tap_is(
        exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, utcb, (uint32_t)book_utcb()->thread, dst),
        ERR_IN_USE, "with a number that is taken");
    tap_is(
        exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, (vaddr_t)book_utcb() - UTCB_EXO, 0, dst),
        ERR_IN_USE, "with another thread's UTCB");
    slot_t full = guest_slot();
    exo_frames_alloc(tiny, PFN_ANY, 1, full);
    tap_is(exo_thread_create(SLOT_ENV, tiny, tiny_first, utcb, 0, dst), ERR_IN_USE,
           "of a frame that is not free");
    tap_is(exo_thread_create(SLOT_ENV, tiny, PFN_ANY, utcb, 0, dst), ERR_NO_MEM,
           "from a region without a free frame");
    slot_delete(full);
    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, GUEST_FREE, 0, dst), ERR_NOT_BOUND,
           "a UTCB where nothing is bound");
    tap_is(exo_thread_create(SLOT_ENV, SLOT_MEMORY, PFN_ANY, text, 0, dst), ERR_NOT_BOUND,
           "a UTCB in a page that cannot be written");
    slot_give(dst);
}

static volatile uint64_t seen[3];
static uint8_t stack[8192] __attribute__((aligned(16)));

static _Noreturn void body(uint64_t value)
{
    seen[0] = value;
    seen[1] = *book_tcr(TCR_GLOBAL_ID);
    for (;;)
        seen[2]++;
}

static void threads(vaddr_t utcb)
{
    slot_t t = guest_slot(), weak = guest_slot();
    vaddr_t top = (vaddr_t)stack + sizeof stack - 8;
    word_t id = 0;

    tap_is(exo_thread_create_get(SLOT_ENV, SLOT_MEMORY, PFN_ANY, utcb, 500, t, &id), ERR_OK,
           "a thread with number 500");
    tap_ok(id >> 32 == 500 && (id & 63) != 0, "its global ID says so");
    exo_cap_copy(SLOT_ENV, weak, t, RIGHT_READ, 0, 0);
    tap_is(exo_thread_start(t, USER_TOP, top, 1), ERR_BAD_ARG, "start at a kernel address");
    tap_is(exo_thread_start(t, (vaddr_t)body, USER_TOP + 8, 1), ERR_BAD_ARG,
           "start on a kernel stack");
    tap_is(exo_thread_start(SLOT_ENV, (vaddr_t)body, top, 1), ERR_BAD_CAP, "start no thread");
    tap_is(exo_thread_start(weak, (vaddr_t)body, top, 1), ERR_NO_RIGHT, "start without the right");
    tap_is(exo_thread_start(t, (vaddr_t)body, top, 0x77), ERR_OK, "start");
    tap_is(exo_thread_start(t, (vaddr_t)body, top, 1), ERR_BAD_STATE, "start again");
    guest_sleep(20000);
    tap_is((long)seen[0], 0x77, "it runs with its value");
    tap_is((long)seen[1], (long)id, "and finds its ID in its own UTCB");
    tap_is(exo_thread_stop(SLOT_EMPTY), ERR_BAD_CAP, "stop nothing");
    tap_is(exo_thread_stop(weak), ERR_NO_RIGHT, "stop without the right");
    tap_is(exo_thread_stop(t), ERR_OK, "stop");
    uint64_t before = seen[2];
    guest_sleep(20000);
    tap_ok(before > 0 && seen[2] == before, "it does not run any more");
    tap_is(exo_thread_stop(t), ERR_OK, "stop what is stopped");
    tap_is(exo_thread_start(t, (vaddr_t)body, top, 0x88), ERR_OK, "start it anew");
    guest_sleep(20000);
    tap_is((long)seen[0], 0x88, "with another value");
    vm_unmap(utcb, PAGE_SIZE);
    before = seen[2];
    guest_sleep(20000);
    tap_is((long)(seen[2] - before), 0, "without its UTCB it is stopped for good");
    exo_thread_stop(t);
    slot_delete(t);
    tap_is((long)book_env((uint32_t)book_utcb()->env)->threads, 1, "deleted, it is not counted");
    slot_give(weak);
}

int main(void)
{
    vaddr_t utcb = 0;

    guest_begin();
    prepare();
    create_errors();
    created();
    extending();
    naming();
    watching();
    lending();
    vm_map(&utcb, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    vm_populate(utcb, PAGE_SIZE);
    thread_errors(utcb);
    threads(utcb);
    all_numbers();
    return tap_done();
}
