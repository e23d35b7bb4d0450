/* A driver that dies with its card at work: buffers posted, questions under way. The card is cut
 * off before the memory is anybody else's, is free, and works for the next one. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/exit.h"
#include "libos/libos.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/card_rig.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define STATUS       77
#define CHILD_FRAMES 2048u
#define QUESTIONS    32u
#define DEATHS       4u

static struct card card;
static struct card_pair *const pair = &card.pairs[0];
static uint32_t function;

/* The driver: leaves without a word to its card. */
static int be_driver(void)
{
    if (virtio_pci_find(VIRTIO_NET, 0, &function) || card_open(&card, SLOT_PCI, function))
        return 1;
    card_ask(pair, QUESTIONS);
    return STATUS;
}

static pfn_t let_die(void)
{
    const char *arguments[] = {"card_death", "driver", NULL};
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CPU) | SPAWN_GIVE(SLOT_PCI),
                              .memory_frames = CHILD_FRAMES,
                              .cpu = THREAD_CPU_HERE};
    struct spawn_child child;
    struct spawn_end end = {0};

    tap_is(program_start(guest_archive(), "card_death", &args, &child), ERR_OK, "a driver");
    spawn_wait(&child, &end);
    tap_ok(end.exited && end.status == STATUS, "dies with its card at work");
    tap_is(device_entry(function)->owner, child.number, "whose it was");
    pfn_t first = child.memory_first;
    spawn_destroy(&child);
    tap_is(device_entry(function)->state, DEVICE_FREE, "when it is buried, the card is free");
    return first;
}

/* Its memory in other hands. */
static void test_memory(pfn_t first)
{
    slot_t slot = guest_slot();
    uint8_t *bytes;
    vaddr_t va = 0;
    bool whole = true;

    tap_ok(exo_frames_alloc(SLOT_MEMORY, first, CHILD_FRAMES, slot) == ERR_OK &&
               vm_map_frames(slot, first, CHILD_FRAMES, &va, RIGHT_READ | RIGHT_WRITE) == ERR_OK &&
               vm_populate(va, CHILD_FRAMES * PAGE_SIZE) == ERR_OK,
           "its memory is somebody else's now");
    bytes = (uint8_t *)va;
    memset(bytes, 0xa5, CHILD_FRAMES * PAGE_SIZE);
    tap_is(card_open(&card, SLOT_PCI, function), ERR_OK, "the next one gets the card");
    card_ask(pair, QUESTIONS);
    tap_is(card_hear(pair, QUESTIONS), QUESTIONS, "and hears what it asked for");
    tap_is(device_is_stopped(&card.device), false, "no access was stopped");
    for (size_t i = 0; i < CHILD_FRAMES * PAGE_SIZE; i++)
        whole &= bytes[i] == 0xa5;
    tap_ok(whole, "the memory is as its new owner left it");
    card_close(&card);
    vm_unmap(va, CHILD_FRAMES * PAGE_SIZE);
    slot_delete(slot);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "driver"))
        libos_exit(libos_setup() ? 1 : be_driver());
    guest_begin();
    tap_is(virtio_pci_find(VIRTIO_NET, 0, &function), ERR_OK, "a card for a program");
    for (unsigned i = 0; i < DEATHS; i++)
        test_memory(let_die());
    return tap_done();
}
