/* Capabilities: deriving, deleting and revoking, and what goes with them on the real MMU. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define SLOT_EMPTY  100u
#define SLOT_BEYOND (CAP_SLOTS + 5u)
#define RW          (RIGHT_READ | RIGHT_WRITE)

static void copy_errors(slot_t frames, pfn_t first)
{
    slot_t dst = guest_slot(), plain = guest_slot(), self = guest_slot();

    exo_cap_copy(SLOT_ENV, plain, frames, RW, 0, 0);
    exo_cap_copy(SLOT_ENV, self, SLOT_ENV, RIGHT_READ, 0, 0);
    tap_is(exo_cap_copy(SLOT_ENV, dst, frames, 1u << 4, 0, 0), ERR_BAD_ARG, "unknown rights");
    tap_is(exo_cap_copy(SLOT_ENV, dst, SLOT_CONSOLE, RW, 0, 1), ERR_BAD_ARG,
           "a range of a kind that has none");
    tap_is(exo_cap_copy(SLOT_ENV, dst, frames, RW, first - 1, 2), ERR_BAD_ARG,
           "a range that begins too early");
    tap_is(exo_cap_copy(SLOT_ENV, dst, frames, RW, first, 5), ERR_BAD_ARG, "a range too long");
    tap_is(exo_cap_copy(SLOT_ENV, dst, frames, RW, first + 3, UINT32_MAX), ERR_BAD_ARG,
           "a range that wraps");
    tap_is(exo_cap_copy(SLOT_ENV, SLOT_NONE, frames, RW, 0, 0), ERR_BAD_ARG, "into SLOT_NONE");
    tap_is(exo_cap_copy(SLOT_ENV, SLOT_BEYOND, frames, RW, 0, 0), ERR_BAD_ARG,
           "into a slot beyond the table");
    tap_is(exo_cap_copy(frames, dst, frames, RW, 0, 0), ERR_BAD_CAP, "into what is no environment");
    tap_is(exo_cap_copy(SLOT_ENV, dst, SLOT_EMPTY, RW, 0, 0), ERR_BAD_CAP, "from an empty slot");
    tap_is(exo_cap_copy(SLOT_ENV, dst, SLOT_BEYOND, RW, 0, 0), ERR_BAD_CAP,
           "from a slot beyond the table");
    tap_is(exo_cap_copy(SLOT_ENV, dst, plain, RIGHT_READ, 0, 0), ERR_NO_RIGHT,
           "from a capability without the right to grant");
    tap_is(exo_cap_copy(SLOT_ENV, dst, SLOT_CONSOLE, RIGHT_EXEC, 0, 0), ERR_NO_RIGHT,
           "a right that the source lacks");
    tap_is(exo_cap_copy(self, dst, frames, RW, 0, 0), ERR_NO_RIGHT,
           "into an environment that may not be written");
    tap_is(exo_cap_copy(SLOT_ENV, SLOT_ENV, frames, RW, 0, 0), ERR_IN_USE, "into a filled slot");
    tap_ok(!slot_cap(dst), "a refused copy leaves the slot empty");
    slot_delete(plain);
    slot_delete(self);
    slot_give(dst);
}

static void copies(slot_t frames, pfn_t first)
{
    slot_t part = guest_slot(), whole = guest_slot();

    tap_is(exo_cap_copy(SLOT_ENV, part, frames, RIGHT_READ, first + 1, 2), ERR_OK,
           "a weaker copy of a part");
    const volatile struct cap *c = slot_cap(part);
    tap_ok(c && c->kind == CAP_FRAMES && c->rights == RIGHT_READ && c->base == first + 1 &&
               c->count == 2,
           "the table, read in place, shows it");
    tap_is(guest_bind(SLOT_ENV, part, GUEST_FREE, first + 1, RW), ERR_NO_RIGHT,
           "the copy binds no more than its rights");
    tap_is(guest_bind(SLOT_ENV, part, GUEST_FREE, first, RIGHT_READ), ERR_BAD_ARG,
           "nor frames outside its range");
    tap_is(guest_bind(SLOT_ENV, part, GUEST_FREE, first + 1, RIGHT_READ), ERR_OK,
           "within both it binds");
    tap_is(exo_cap_copy(SLOT_ENV, whole, frames, RW, 0, 0), ERR_OK, "a copy of the whole");
    tap_ok(slot_cap(whole)->count == 4 && slot_cap(whole)->base == first, "has the whole range");

    tap_ok(!probe_read(GUEST_FREE), "the page can be read");
    tap_is(exo_cap_delete(part), ERR_OK, "delete the copy");
    slot_give(part);
    tap_ok(probe_read(GUEST_FREE), "the page that was bound by it is gone");
    tap_ok(!slot_cap(part), "the slot is empty");
    tap_is(exo_cap_delete(part), ERR_BAD_CAP, "delete it again");
    tap_is(guest_bind(SLOT_ENV, part, GUEST_FREE, first + 1, RIGHT_READ), ERR_BAD_CAP,
           "a stale slot binds nothing");
    tap_ok(slot_cap(whole) != NULL, "its sibling is still there");
    slot_delete(whole);
}

static void delete_errors(void)
{
    tap_is(exo_cap_delete(SLOT_NONE), ERR_BAD_ARG, "delete SLOT_NONE");
    tap_is(exo_cap_delete(SLOT_BEYOND), ERR_BAD_ARG, "delete beyond the table");
    tap_is(exo_cap_delete(SLOT_EMPTY), ERR_BAD_CAP, "delete what is empty");
    tap_is(exo_cap_revoke(SLOT_NONE), ERR_BAD_ARG, "revoke SLOT_NONE");
    tap_is(exo_cap_revoke(SLOT_BEYOND), ERR_BAD_ARG, "revoke beyond the table");
    tap_is(exo_cap_revoke(SLOT_EMPTY), ERR_BAD_CAP, "revoke what is empty");
}

/* A chain of copies: revoking in the middle takes what is behind, and not what is before. */
static void chain(slot_t frames)
{
    slot_t slots[8];

    for (unsigned i = 0; i < 8; i++) {
        slots[i] = guest_slot();
        exo_cap_copy(SLOT_ENV, slots[i], i ? slots[i - 1] : frames, RIGHT_ALL, 0, 0);
    }
    tap_ok(slot_cap(slots[7]) != NULL, "a chain of eight copies");
    tap_is(exo_cap_revoke(slots[3]), ERR_OK, "revoke the fourth");
    tap_ok(slot_cap(slots[3]) && !slot_cap(slots[4]) && !slot_cap(slots[7]),
           "it stays, and those derived from it are gone");
    tap_is(exo_cap_delete(slots[0]), ERR_OK, "delete the first");
    tap_ok(!slot_cap(slots[1]) && !slot_cap(slots[3]) && slot_cap(frames) != NULL,
           "all of the chain is gone, and not its origin");
    for (unsigned i = 0; i < 8; i++)
        slot_give(slots[i]);
}

/* Revocation reaches a running program of another environment. */
static void across(slot_t frames, pfn_t first)
{
    struct raw r;
    slot_t share = guest_slot();

    tap_is(raw_make(&r, BLOB(load)), ERR_OK, "an environment that will read a page");
    exo_cap_copy(SLOT_ENV, share, frames, RW, first, 1);
    guest_bind(SLOT_ENV, frames, GUEST_FREE, first, RW);
    *(volatile uint64_t *)GUEST_FREE = 0x12345678;
    tap_is(guest_bind(r.env, share, RAW_CODE + 0x10000, first, RIGHT_READ), ERR_OK,
           "the page is bound there by a copy");
    tap_is(book_frame(first)->bindings, 2, "the frame table counts both bindings");
    raw_start(&r, RAW_CODE + 0x10000);
    guest_sleep(20000);
    tap_is((long)*raw_data(&r), 0x12345678, "it reads what was written here");
    tap_is(exo_cap_revoke(share), ERR_OK, "revoke the copy, which stays");
    tap_is(book_frame(first)->bindings, 1, "the other environment's binding is gone");
    exo_thread_stop(r.thread);
    raw_start(&r, RAW_CODE + 0x10000);
    tap_is(raw_wait(&r), ERR_OK, "reading the page ends the environment now");
    tap_is((long)book_env(r.number)->death_addr, RAW_CODE + 0x10000, "by a fault at the page");
    tap_ok(!probe_read(GUEST_FREE), "the binding here was another, and stays");
    guest_unbind(SLOT_ENV, GUEST_FREE);
    raw_destroy(&r);
    slot_delete(share);
}

/* What is given to another environment is taken back from it, too, whatever it made of it. */
static void given(slot_t frames, pfn_t first)
{
    struct raw r;
    slot_t mine = guest_slot();

    raw_make(&r, BLOB(spin));
    exo_cap_copy(SLOT_ENV, mine, frames, RIGHT_ALL, first, 2);
    tap_is(exo_cap_copy(r.env, 20, mine, RIGHT_ALL, 0, 0), ERR_OK,
           "give a copy to another environment");
    slot_t window = guest_slot();
    pfn_t table = book_env(r.number)->captables[0];
    tap_is(guest_bind(SLOT_ENV, r.env, GUEST_FREE, table, RIGHT_READ), ERR_OK,
           "its capability table can be read here");
    const volatile struct cap *theirs = (const volatile struct cap *)GUEST_FREE + 20;
    tap_ok(theirs->kind == CAP_FRAMES && theirs->base == first && theirs->count == 2,
           "and shows the copy");
    tap_ok(probe_write(GUEST_FREE), "but it cannot be written");
    tap_is(exo_cap_delete(mine), ERR_OK, "delete where it came from");
    tap_is(theirs->kind, CAP_NONE, "the other environment has lost it");
    guest_unbind(SLOT_ENV, GUEST_FREE);
    slot_give(mine);
    slot_give(window);
    raw_destroy(&r);
}

static void objects(void)
{
    slot_t bell, other = guest_slot();

    notify_new(&bell);
    pfn_t frame = slot_cap(bell)->base;
    exo_cap_copy(SLOT_ENV, other, bell, RIGHT_ALL, 0, 0);
    tap_is(book_frame(frame)->type, FRAME_NOTIFICATION, "an object has a frame");
    exo_cap_delete(other);
    tap_is(book_frame(frame)->type, FRAME_NOTIFICATION, "deleting a copy leaves the object");
    exo_cap_copy(SLOT_ENV, other, bell, RIGHT_ALL, 0, 0);
    exo_cap_delete(bell);
    tap_is(book_frame(frame)->type, FRAME_FREE, "deleting the first capability frees the frame");
    tap_ok(!slot_cap(other), "and takes the copy");
    slot_give(bell);
    slot_give(other);
}

/* More nodes than one step of a revocation takes: the call is restarted until all are gone. */
static void many(void)
{
    static struct page_entry entries[BATCH_MAX];
    pfn_t first;
    slot_t frames = guest_frames(1, &first), copy = guest_slot();
    word_t done;

    exo_cap_copy(SLOT_ENV, copy, frames, RW, 0, 0);
    for (uint32_t i = 0; i < 500; i++)
        entries[i] = (struct page_entry){GUEST_FREE + i * PAGE_SIZE, first, RIGHT_READ};
    exo_page_bind_get(SLOT_ENV, copy, (vaddr_t)entries, 500, &done);
    tap_is((long)done, 500, "one frame bound at 500 addresses");
    tap_is(book_frame(first)->bindings, 500, "the frame table counts them");
    tap_is(exo_cap_revoke(copy), ERR_OK, "revoke them all");
    tap_is(book_frame(first)->bindings, 0, "none is left");
    tap_ok(probe_read(GUEST_FREE) && probe_read(GUEST_FREE + 499 * PAGE_SIZE),
           "the first and the last page are gone");
    slot_delete(copy);
    region_give_frames(frames, first, 1);
}

int main(void)
{
    pfn_t first;

    guest_begin();
    slot_t frames = guest_frames(4, &first);
    guest_tables(SLOT_ENV, GUEST_FREE);
    copy_errors(frames, first);
    copies(frames, first);
    delete_errors();
    chain(frames);
    across(frames, first);
    given(frames, first);
    objects();
    many();
    return tap_done();
}
