/* Windows on a device's registers: shown like memory, and no memory to anybody else. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/abi/device.h"
#include "exo/abi/l4.h"
#include "tests/host/fakes/function.h"

#define DEVICE  41u
#define WINDOW  42u
#define FRAMES  43u
#define READER  44u /* of the device */
#define SPARE   48u
#define ADDRESS ((uint64_t)0x7654321000)
#define VA      ((vaddr_t)0x50000000)

static pfn_t frames;

static int set_up(void **state)
{
    world_begin(state);
    frames = make_frames(FRAMES, 1);
    OK(BOSS(device_open, SLOT_PCI, FUNCTION_DEVICE, REGION, PFN_ANY, DEVICE));
    OK(BOSS(cap_copy, SLOT_ENV, READER, DEVICE, RIGHT_READ, 0, 0));
    return 0;
}

static void a_window_shows_registers(void **state)
{
    (void)state;
    const pfn_t first = (pfn_t)(FUNCTION_BASE >> PAGE_BITS);
    const struct page_entry entry = {.va = VA, .pfn = first + 3, .rights = RW};

    OK(BOSS(device_config_read, READER, 0x10));
    assert_int_equal(world.result, FUNCTION_DEVICE << 16 | 0x10);
    OK(BOSS(device_window, DEVICE, 0, 2, 3, WINDOW));
    assert_int_equal(world.result, first + 2);
    make_tables(SLOT_ENV, VA);
    bind_page(SLOT_ENV, WINDOW, first + 3, VA, RW);
    assert_true(arch_pte_is_device(*entry_of(world.root, VA)));
    assert_int_equal(arch_pte_address(*entry_of(world.root, VA)) >> PAGE_BITS, first + 3);
    assert_null(space_user(world.root->root, VA, RIGHT_READ)); /* it is no memory to the kernel */
    assert_int_equal(BOSS(page_bind, SLOT_ENV, WINDOW, VA, 1), ERR_BAD_USER);
    put_entries(world.boss, SCRATCH, &entry, 1);
    OK(BOSS(page_protect, SLOT_ENV, SCRATCH, 1));
    OK(BOSS(page_unbind, SLOT_ENV, SCRATCH, 1));
    bind_page(SLOT_ENV, WINDOW, first + 4, VA, RIGHT_READ);
    REFUSED(ERR_BAD_CAP, world.boss, device_map, DEVICE, WINDOW, first + 2, 1, ADDRESS, RW);
    OK(BOSS(cap_delete, WINDOW));
    assert_false(arch_pte_present(*entry_of(world.root, VA)));
}

static void map_items_map_windows(void **state)
{
    struct party p;
    const vaddr_t target = PARTY_MEMORY + 8 * PAGE_SIZE, further = target + PAGE_SIZE;
    const word_t page = 12 << 4, everything = 7;

    (void)state;
    party_make(&p, SPARE);
    OK(BOSS(device_window, DEVICE, 0, 0, 1, WINDOW));
    make_tables(SLOT_ENV, VA);
    bind_page(SLOT_ENV, WINDOW, FUNCTION_BASE >> PAGE_BITS, VA, RW);
    bind_page(SLOT_ENV, FRAMES, frames, VA + PAGE_SIZE, RW);
    assert_true(map_all(world.boss, p.t, ITEM_MAP, VA | page | everything, target | page));
    world_check();
    assert_true(arch_pte_is_device(*entry_of(p.e, target)));
    assert_int_equal(arch_pte_rights(*entry_of(p.e, target)), RW);
    assert_null(space_user(p.e->root, target, RIGHT_READ));
    assert_true(map_all(p.t, p.t, ITEM_GRANT, target | page | everything, further | page));
    world_check();
    assert_false(arch_pte_present(*entry_of(p.e, target)));
    assert_true(arch_pte_is_device(*entry_of(p.e, further)));
    assert_true(
        map_all(world.boss, p.t, ITEM_MAP, (VA + PAGE_SIZE) | page | everything, target | page));
    assert_true(arch_pte_is_memory(*entry_of(p.e, target)));
    OK(BOSS(cap_delete, DEVICE)); /* registers go with the device, memory does not */
    world_check();
    assert_false(arch_pte_present(*entry_of(p.e, further)));
    assert_true(arch_pte_present(*entry_of(p.e, target)));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, world_end)
    const struct CMUnitTest tests[] = {
        T(a_window_shows_registers),
        T(map_items_map_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
