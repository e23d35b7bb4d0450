/* Records that another CPU writes all the time are read whole, and never two halves of two. Read
 * without the sequence counts some are torn, which is said as a note: it depends on luck. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define READS 300000u

static volatile bool over;
static struct raw other;
static pfn_t frame;
static slot_t slots[2]; /* the frame is typed by the one, then by the other */

static uint64_t letters(char c)
{
    return 0x0101010101010101u * (uint8_t)c;
}

/* On the other CPU: the name is all of one letter at any time. */
static void rename_it(void *turns)
{
    for (uint64_t i = 0; !over; i++, ++*(volatile uint64_t *)turns)
        exo_env_name(other.env, letters((char)('a' + i % 26)), letters((char)('a' + i % 26)));
}

/* On the other CPU: the frame is memory made by the first slot, a notification made by the second,
 * or free. */
static void retype_it(void *turns)
{
    for (; !over; ++*(volatile uint64_t *)turns) {
        exo_frames_alloc(SLOT_MEMORY, frame, 1, slots[0]);
        exo_cap_delete(slots[0]);
        exo_notification_create(SLOT_MEMORY, frame, slots[1]);
        exo_cap_delete(slots[1]);
    }
}

static bool is_one(const volatile struct env_info *e)
{
    for (unsigned i = 1; i < 16; i++)
        if (e->name[i] != e->name[0])
            return false;
    return true;
}

/* Node names of the two slots; 0 until seen. */
static uint32_t makers[2];

static bool is_one_frame(struct frame_info f)
{
    if (f.type == FRAME_FREE)
        return f.owner == 0;
    uint32_t *maker = &makers[f.type == FRAME_NOTIFICATION];
    if (!*maker)
        *maker = f.origin;
    return f.owner == (uint32_t)book_utcb()->env && f.origin == *maker &&
           (f.type == FRAME_NOTIFICATION || f.type == FRAME_MEMORY);
}

static void names(void)
{
    uint64_t turns = 0;
    uint32_t torn = 0, raw = 0;
    struct thread t;

    over = false;
    tap_is(thread_run(&t, rename_it, &turns, 1, THREAD_PRIORITY), ERR_OK, "another CPU renames");
    while (*(volatile uint64_t *)&turns < 10)
        cpu_pause();
    uint64_t before = turns;
    for (uint32_t i = 0; i < READS; i++) {
        const struct env_info e = book_env_read(other.number);
        torn += !is_one(&e);
        raw += !is_one(book_env(other.number));
    }
    tap_ok(*(volatile uint64_t *)&turns > before + 100, "many times meanwhile");
    tap_is(torn, 0, "each name that is read was one");
    tap_note("%u of %u were torn without the count", raw, READS);
    over = true;
    thread_join(&t);
}

static void frames(void)
{
    uint64_t turns = 0;
    uint32_t torn = 0, raw = 0;
    struct thread t;

    over = false;
    region_promise(1, &frame); /* so that libos takes it for nothing else */
    slots[0] = guest_slot();
    slots[1] = guest_slot();
    tap_is(thread_run(&t, retype_it, &turns, 1, THREAD_PRIORITY), ERR_OK, "another CPU retypes");
    while (*(volatile uint64_t *)&turns < 10)
        cpu_pause();
    while (!makers[0] || !makers[1])
        is_one_frame(book_frame_read(frame));
    uint64_t before = turns;
    for (uint32_t i = 0; i < READS; i++) {
        torn += !is_one_frame(book_frame_read(frame));
        const volatile struct frame_info *f = book_frame(frame);
        raw += !is_one_frame((struct frame_info){
            .type = f->type, .owner = f->owner, .first = f->first, .origin = f->origin});
    }
    tap_ok(*(volatile uint64_t *)&turns > before + 100, "many times meanwhile");
    tap_is(torn, 0, "each record that is read was one");
    tap_note("%u of %u were torn without the count", raw, READS);
    over = true;
    thread_join(&t);
    region_release(frame);
}

int main(void)
{
    guest_begin();
    raw_make(&other, BLOB(spin));
    names();
    frames();
    raw_destroy(&other);
    return tap_done();
}
