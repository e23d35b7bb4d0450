/* Dedicated devices through the calls: refusals, what a device reaches and for how long, messages,
 * faults, and every way in which a device ends. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/device.h"
#include "bindings/notification.h"
#include "exo/abi/device.h"
#include "exo/arch/host/devices.h"
#include "exo/entry/main.h"
#include "tests/host/fakes/function.h"

#define NOTE      40u
#define DEVICE    41u
#define WINDOW    42u
#define FRAMES    43u
#define READER    44u /* of the device  */
#define WEAK      45u /* of the frames  */
#define ONLY_IN   46u /* of the notification */
#define PCI       47u /* for the one function */
#define SPARE     48u
#define COUNT     8u /* FRAMES */
#define ADDRESS   ((uint64_t)0x7654321000)
#define NO_TABLES ((uint64_t)1 << 30)
#define BITS      6u
#define REQUESTER (FUNCTION_DEVICE << 3)
#define VA        ((vaddr_t)0x50000000)

static pfn_t frames;

static void tables(uint64_t address)
{
    for (int e = ERR_OK; e == ERR_OK;)
        e = BOSS(device_table, DEVICE, REGION, PFN_ANY, address);
}

static int map(uint32_t page, uint32_t count, rights_t rights)
{
    return BOSS(device_map, DEVICE, FRAMES, frames + page, count, ADDRESS + page * PAGE_SIZE,
                rights);
}

static void open(void)
{
    OK(BOSS(device_open, PCI, FUNCTION_DEVICE, REGION, PFN_ANY, DEVICE));
}

static int set_up(void **state)
{
    world_begin(state);
    frames = make_frames(FRAMES, COUNT);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(cap_copy, SLOT_ENV, PCI, SLOT_PCI, RW | RIGHT_GRANT, FUNCTION_DEVICE, 1));
    open();
    OK(BOSS(cap_copy, SLOT_ENV, READER, DEVICE, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, FRAMES, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, ONLY_IN, NOTE, RIGHT_READ, 0, 0));
    tables(ADDRESS);
    return 0;
}

/* What the device finds at a page; NULL: it is stopped. */
static uint32_t *reach(uint32_t page, bool write)
{
    return host_io_access(REQUESTER, ADDRESS + page * PAGE_SIZE, write);
}

static struct notification *note(void)
{
    return frame_memory(cap_slot(world.boss->env, NOTE)->base);
}

static void a_refused_opening_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    const uint32_t n = FUNCTION_PLAIN;

    OK(BOSS(cap_copy, SLOT_ENV, SPARE, SLOT_PCI, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_ARG, b, device_open, SLOT_PCI, FUNCTION_COUNT, REGION, PFN_ANY, SPARE + 1);
    REFUSED(ERR_BAD_ARG, b, device_open, PCI, n, REGION, PFN_ANY, SPARE + 1);
    REFUSED(ERR_BAD_ARG, b, device_open, SLOT_PCI, n, REGION, world.base + world.count - 1,
            SPARE + 1);
    REFUSED(ERR_BAD_ARG, b, device_open, SLOT_PCI, n, REGION, PFN_ANY, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, device_open, SLOT_IRQ, n, REGION, PFN_ANY, SPARE + 1);
    REFUSED(ERR_BAD_CAP, b, device_open, SLOT_PCI, n, FRAMES, PFN_ANY, SPARE + 1);
    REFUSED(ERR_NO_RIGHT, b, device_open, SPARE, n, REGION, PFN_ANY, SPARE + 1);
    REFUSED(ERR_BAD_STATE, b, device_open, SLOT_PCI, FUNCTION_BRIDGE, REGION, PFN_ANY, SPARE + 1);
    REFUSED(ERR_IN_USE, b, device_open, SLOT_PCI, FUNCTION_DEVICE, REGION, PFN_ANY, SPARE + 1);
    REFUSED(ERR_IN_USE, b, device_open, SLOT_PCI, n, REGION, PFN_ANY, SPARE);
    REFUSED(ERR_IN_USE, b, device_open, SLOT_PCI, n, REGION, frames, SPARE + 1);
    kinfo_get()->iommu = IOMMU_NONE;
    REFUSED(ERR_NO_DEVICE, b, device_open, SLOT_PCI, n, REGION, PFN_ANY, SPARE + 1);
    kinfo_get()->iommu = IOMMU_FULL;
    OK(BOSS(cap_copy, SLOT_ENV, SPARE + 2, REGION, RW, world.base + world.count - 2, 2));
    REFUSED(ERR_NO_MEM, b, device_open, SLOT_PCI, n, SPARE + 2, PFN_ANY, SPARE + 1);
}

static void a_refused_call_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    REFUSED(ERR_BAD_ARG, b, device_config_read, DEVICE, 256);
    REFUSED(ERR_BAD_ARG, b, device_config_read, DEVICE, 2);
    REFUSED(ERR_BAD_CAP, b, device_config_read, PCI, 0);
    OK(BOSS(cap_copy, SLOT_ENV, SPARE, DEVICE, RIGHT_WRITE, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, device_config_read, SPARE, 0);
    REFUSED(ERR_BAD_ARG, b, device_window, DEVICE, DEVICE_BARS, 0, 1, WINDOW);
    REFUSED(ERR_BAD_ARG, b, device_window, DEVICE, 5, 0, 1, WINDOW);
    REFUSED(ERR_BAD_ARG, b, device_window, DEVICE, 0, FUNCTION_PAGES, 1, WINDOW);
    REFUSED(ERR_BAD_ARG, b, device_window, DEVICE, 0, 1, FUNCTION_PAGES, WINDOW);
    REFUSED(ERR_BAD_ARG, b, device_window, DEVICE, 0, UINT32_MAX, 2, WINDOW);
    REFUSED(ERR_BAD_ARG, b, device_window, DEVICE, 0, 0, 0, WINDOW);
    REFUSED(ERR_BAD_ARG, b, device_window, DEVICE, 0, 0, 1, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, device_window, FRAMES, 0, 0, 1, WINDOW);
    REFUSED(ERR_NO_RIGHT, b, device_window, SPARE, 0, 0, 1, WINDOW);
    REFUSED(ERR_NO_RIGHT, b, device_window, DEVICE, 0, FUNCTION_PAGES - 2, 2, WINDOW);
    REFUSED(ERR_NO_RIGHT, b, device_window, DEVICE, FUNCTION_HALF, 0, 1, WINDOW);
    REFUSED(ERR_IN_USE, b, device_window, DEVICE, 0, 0, 1, NOTE);
    REFUSED(ERR_BAD_CAP, b, device_faults, FRAMES);
    REFUSED(ERR_NO_RIGHT, b, device_faults, READER);
}

static void a_refused_mapping_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    const uint64_t top = DEVICE_ADDRESS_TOP;

    REFUSED(ERR_BAD_ARG, b, device_table, DEVICE, REGION, PFN_ANY, top);
    REFUSED(ERR_BAD_ARG, b, device_table, DEVICE, REGION, world.base + world.count - 1, 0);
    REFUSED(ERR_BAD_CAP, b, device_table, FRAMES, REGION, PFN_ANY, 0);
    REFUSED(ERR_BAD_CAP, b, device_table, DEVICE, FRAMES, PFN_ANY, 0);
    REFUSED(ERR_NO_RIGHT, b, device_table, READER, REGION, PFN_ANY, 0);
    REFUSED(ERR_IN_USE, b, device_table, DEVICE, REGION, PFN_ANY, ADDRESS);
    REFUSED(ERR_IN_USE, b, device_table, DEVICE, REGION, frames, 0);
    OK(BOSS(cap_copy, SLOT_ENV, SPARE, REGION, RW, world.base + world.count - 2, 2));
    REFUSED(ERR_NO_MEM, b, device_table, DEVICE, SPARE, PFN_ANY, 0);

    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames, 0, ADDRESS, RW);
    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames, DEVICE_MAP_MAX + 1, ADDRESS, RW);
    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames, 1, ADDRESS + 8, RW);
    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames, 2, top - PAGE_SIZE, RW);
    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames, 1, ADDRESS, 0);
    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames, 1, ADDRESS, RWX);
    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames - 1, 1, ADDRESS, RW);
    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames + 1, COUNT, ADDRESS, RW);
    REFUSED(ERR_BAD_ARG, b, device_map, DEVICE, FRAMES, frames + COUNT, 1, ADDRESS, RW);
    REFUSED(ERR_BAD_CAP, b, device_map, NOTE, FRAMES, frames, 1, ADDRESS, RW);
    REFUSED(ERR_BAD_CAP, b, device_map, DEVICE, REGION, frames, 1, ADDRESS, RW);
    REFUSED(ERR_NO_RIGHT, b, device_map, READER, FRAMES, frames, 1, ADDRESS, RW);
    REFUSED(ERR_NO_RIGHT, b, device_map, DEVICE, WEAK, frames, 1, ADDRESS, RW);
    REFUSED(ERR_NO_TABLE, b, device_map, DEVICE, FRAMES, frames, 1, NO_TABLES, RW);
    OK(map(1, 1, RW));
    REFUSED(ERR_IN_USE, b, device_map, DEVICE, FRAMES, frames, 2, ADDRESS, RW);

    REFUSED(ERR_BAD_ARG, b, device_unmap, DEVICE, ADDRESS, 0);
    REFUSED(ERR_BAD_ARG, b, device_unmap, DEVICE, ADDRESS + 1, 1);
    REFUSED(ERR_BAD_ARG, b, device_unmap, DEVICE, top, 1);
    REFUSED(ERR_BAD_CAP, b, device_unmap, FRAMES, ADDRESS, 1);
    REFUSED(ERR_NO_RIGHT, b, device_unmap, READER, ADDRESS, 1);
    REFUSED(ERR_NOT_BOUND, b, device_unmap, DEVICE, ADDRESS + PAGE_SIZE, 2);
    REFUSED(ERR_NOT_BOUND, b, device_unmap, DEVICE, NO_TABLES, 1);
}

static void a_refused_binding_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    REFUSED(ERR_BAD_ARG, b, device_interrupt, DEVICE, 0, NOTE, 0, 0);
    REFUSED(ERR_BAD_ARG, b, device_interrupt, DEVICE, FUNCTION_VECTORS, NOTE, BITS, 0);
    REFUSED(ERR_BAD_ARG, b, device_interrupt, DEVICE, 0, NOTE, BITS, cpu_count);
    REFUSED(ERR_BAD_ARG, b, device_interrupt, DEVICE, DEVICE_FAULT_VECTOR, NOTE, BITS, 1);
    REFUSED(ERR_BAD_ARG, b, device_interrupt, DEVICE, 0, SLOT_NONE, 0, 1);
    REFUSED(ERR_BAD_CAP, b, device_interrupt, FRAMES, 0, NOTE, BITS, 0);
    REFUSED(ERR_BAD_CAP, b, device_interrupt, DEVICE, 0, FRAMES, BITS, 0);
    REFUSED(ERR_NO_RIGHT, b, device_interrupt, READER, 0, NOTE, BITS, 0);
    REFUSED(ERR_NO_RIGHT, b, device_interrupt, DEVICE, 0, ONLY_IN, BITS, 0);
    OK(BOSS(device_interrupt, DEVICE, 1, NOTE, BITS, 0));
    REFUSED(ERR_IN_USE, b, device_interrupt, DEVICE, 1, NOTE, BITS, 0);
    struct arch_msi taken[HOST_MESSAGES];
    unsigned n = 0;
    while (arch_message_alloc(0, 0, NULL, 0, &taken[n]))
        host_devices.messages[taken[n++].vector].handler = (void (*)(word_t))(uintptr_t)1;
    REFUSED(ERR_NO_MEM, b, device_interrupt, DEVICE, 0, NOTE, BITS, 0);
    while (n-- > 0)
        arch_message_free(&taken[n]);
}

static void what_is_mapped_is_reached_and_no_more(void **state)
{
    (void)state;
    assert_false(fake_functions[FUNCTION_DEVICE].enabled);
    assert_null(reach(0, false));
    OK(map(0, 2, RW));
    OK(map(2, 1, RIGHT_READ));
    OK(map(3, 1, RIGHT_WRITE));
    assert_true(fake_functions[FUNCTION_DEVICE].enabled);
    assert_ptr_equal(reach(1, true), frame_memory(frames + 1));
    assert_ptr_equal(reach(1, false), frame_memory(frames + 1));
    assert_ptr_equal(reach(2, false), frame_memory(frames + 2));
    assert_null(reach(2, true));
    assert_ptr_equal(reach(3, true), frame_memory(frames + 3));
    assert_null(reach(3, false));
    assert_null(reach(4, false));
    assert_null(host_io_access(REQUESTER, (uint64_t)frames << PAGE_BITS, false));
    assert_null(host_io_access(FUNCTION_PLAIN << 3, ADDRESS, false));
    OK(BOSS(device_unmap, DEVICE, ADDRESS, 1));
    assert_null(reach(0, false));
    assert_non_null(reach(1, false));
}

static void a_mapping_goes_with_the_frames(void **state)
{
    (void)state;
    OK(map(0, 4, RW));
    OK(BOSS(device_map, DEVICE, WEAK, frames + 4, 2, ADDRESS + 4 * PAGE_SIZE, RIGHT_READ));
    OK(BOSS(cap_delete, WEAK));
    assert_null(reach(4, false));
    assert_non_null(reach(3, false));
    OK(BOSS(cap_revoke, FRAMES));
    assert_null(reach(3, false));
    OK(map(0, COUNT, RW));
    OK(BOSS(cap_delete, FRAMES));
    assert_null(reach(0, false));
    frames = make_frames(FRAMES, COUNT);
    OK(map(0, 1, RW));
}

static void a_mapping_goes_with_its_table(void **state)
{
    (void)state;
    const uint64_t far = (uint64_t)3 << 30;

    OK(BOSS(cap_copy, SLOT_ENV, SPARE, REGION, RWX | RIGHT_GRANT, world.base + world.count - 64,
            64));
    OK(BOSS(device_table, DEVICE, SPARE, PFN_ANY, far));
    assert_int_equal(world.result, 2);
    OK(BOSS(device_table, DEVICE, SPARE, PFN_ANY, far));
    assert_int_equal(world.result, 1);
    OK(BOSS(device_map, DEVICE, FRAMES, frames, 2, far, RW));
    assert_non_null(host_io_access(REQUESTER, far, true));
    OK(BOSS(cap_delete, SPARE));
    assert_null(host_io_access(REQUESTER, far, true));
    assert_int_equal(frame_of(frames)->pins, 0);
    REFUSED(ERR_NO_TABLE, world.boss, device_map, DEVICE, FRAMES, frames, 1, far, RW);
}

static void pins_are_counted(void **state)
{
    (void)state;
    tables(ADDRESS + ((uint64_t)1 << 21));
    for (uint32_t i = 0; i < 255; i++)
        OK(BOSS(device_map, DEVICE, FRAMES, frames, 1, ADDRESS + i * PAGE_SIZE, RIGHT_READ));
    assert_int_equal(frame_of(frames)->pins, 255);
    REFUSED(ERR_IN_USE, world.boss, device_map, DEVICE, FRAMES, frames, 1,
            ADDRESS + 255 * PAGE_SIZE, RIGHT_READ);
    OK(BOSS(device_unmap, DEVICE, ADDRESS, 255));
    assert_int_equal(frame_of(frames)->pins, 0);
}

static void messages_raise_their_bits(void **state)
{
    (void)state;
    struct fake_function *f = &fake_functions[FUNCTION_DEVICE];

    OK(BOSS(device_interrupt, DEVICE, 2, NOTE, BITS, 0));
    assert_true(f->enabled);
    struct arch_msi message = f->messages[2];
    assert_int_equal(host_devices.messages[message.vector].requester, REQUESTER);
    host_message(&message);
    assert_int_equal(note()->raised, BITS);
    note()->raised = 0;
    OK(BOSS(device_interrupt, DEVICE, 2, SLOT_NONE, 0, 0));
    assert_int_equal(f->messages[2].address, 0);
    host_message(&message);
    assert_int_equal(note()->raised, 0);
    OK(BOSS(device_interrupt, DEVICE, 2, SLOT_NONE, 0, 0));
    OK(BOSS(device_interrupt, DEVICE, 0, NOTE, BITS << 1, 0));
    OK(BOSS(device_interrupt, DEVICE, 1, NOTE, BITS << 2, 0));
    host_message(&f->messages[1]);
    assert_int_equal(note()->raised, BITS << 2);
    OK(BOSS(cap_delete, NOTE));
    assert_int_equal(f->messages[0].address, 0);
    assert_int_equal(f->messages[1].address, 0);
}

/* On its way when what it was for went. */
static void a_late_message_is_nobodys(void **state)
{
    (void)state;
    OK(BOSS(device_interrupt, DEVICE, 0, NOTE, BITS, 0));
    struct host_message late =
        host_devices.messages[fake_functions[FUNCTION_DEVICE].messages[0].vector];
    OK(BOSS(device_interrupt, DEVICE, 0, SLOT_NONE, 0, 0));
    late.handler(late.argument);
    OK(BOSS(cap_delete, DEVICE));
    late.handler(late.argument);
    assert_int_equal(note()->raised, 0);
}

static void messages_go_to_a_cpu(void **state)
{
    (void)state;
    cpu_count = 2;
    OK(BOSS(device_interrupt, DEVICE, 0, NOTE, BITS, 1));
    assert_int_equal(host_devices.messages[fake_functions[FUNCTION_DEVICE].messages[0].vector].cpu,
                     1);
}

static void faults_are_told(void **state)
{
    (void)state;
    const struct device_info *info = function_info(FUNCTION_DEVICE);
    uint32_t before = info->faults;

    OK(BOSS(device_faults, DEVICE));
    OK(BOSS(device_interrupt, DEVICE, DEVICE_FAULT_VECTOR, NOTE, BITS, 0));
    assert_null(reach(5, true));
    assert_int_equal(note()->raised, BITS);
    assert_int_equal(info->faults, before + 1);
    assert_int_equal(info->fault_address, ADDRESS + 5 * PAGE_SIZE);
    assert_int_equal(info->fault_reason, HOST_FAULT_REASON);
    OK(BOSS(device_faults, DEVICE));
    assert_int_equal(world.result, 1);
    OK(BOSS(device_interrupt, DEVICE, DEVICE_FAULT_VECTOR, SLOT_NONE, 0, 0));
    note()->raised = 0;
    assert_null(reach(5, true));
    assert_int_equal(note()->raised, 0);
}

static void a_flood_is_muted(void **state)
{
    (void)state;
    OK(BOSS(device_faults, DEVICE));
    for (uint32_t i = 0; i < 2 * DEVICE_FAULTS_KEPT; i++)
        assert_null(reach(5, true));
    OK(BOSS(device_faults, DEVICE));
    assert_int_equal(world.result, DEVICE_FAULTS_KEPT);
    assert_null(reach(5, true));
    OK(BOSS(device_faults, DEVICE));
    assert_int_equal(world.result, 1);
}

/* Refused messages are not muted by the device's context. */
static void a_flood_that_cannot_be_muted_is_cut_off(void **state)
{
    (void)state;
    unsigned stops = fake_functions[FUNCTION_DEVICE].stops;

    OK(map(0, 1, RW));
    for (uint32_t i = 0; i < DEVICE_FAULTS_CUT; i++) {
        assert_true(fake_functions[FUNCTION_DEVICE].enabled);
        host_devices.contexts[REQUESTER].muted = false;
        assert_null(reach(5, true));
    }
    assert_int_equal(fake_functions[FUNCTION_DEVICE].stops, stops + 1);
    assert_false(fake_functions[FUNCTION_DEVICE].enabled);
    OK(map(1, 1, RW));
    assert_false(fake_functions[FUNCTION_DEVICE].enabled);
}

static void assert_gone(void)
{
    assert_int_equal(function_info(FUNCTION_DEVICE)->state, DEVICE_FREE);
    assert_int_equal(function_info(FUNCTION_DEVICE)->owner, 0);
    assert_false(fake_functions[FUNCTION_DEVICE].awake);
    assert_int_equal(host_devices.contexts[REQUESTER].domain, 0);
    assert_int_equal(frame_of(frames)->pins, 0);
    for (unsigned i = 0; i < HOST_MESSAGES; i++)
        assert_null(host_devices.messages[i].handler);
}

static void use_everything(void)
{
    OK(map(0, 3, RW));
    OK(BOSS(device_interrupt, DEVICE, 0, NOTE, BITS, 0));
    OK(BOSS(device_interrupt, DEVICE, DEVICE_FAULT_VECTOR, NOTE, BITS, 0));
    OK(BOSS(device_window, DEVICE, 0, 0, FUNCTION_PAGES - 1, WINDOW));
    make_tables(SLOT_ENV, VA);
    bind_page(SLOT_ENV, WINDOW, FUNCTION_BASE >> PAGE_BITS, VA, RW);
}

static void a_device_ends_with_its_capability(void **state)
{
    (void)state;
    use_everything();
    OK(BOSS(cap_delete, DEVICE));
    assert_gone();
    assert_int_equal(cap_slot(world.root, WINDOW)->kind, CAP_NONE);
    assert_false(arch_pte_present(*entry_of(world.root, VA)));
    open();
    assert_null(reach(0, false));
}

static void a_device_ends_with_its_function(void **state)
{
    (void)state;
    use_everything();
    OK(BOSS(cap_delete, PCI));
    assert_gone();
    assert_int_equal(cap_slot(world.root, DEVICE)->kind, CAP_NONE);
    assert_int_equal(cap_slot(world.root, READER)->kind, CAP_NONE);
    assert_false(arch_pte_present(*entry_of(world.root, VA)));
}

static void a_device_ends_with_its_region(void **state)
{
    (void)state;
    OK(BOSS(cap_delete, DEVICE));
    OK(BOSS(cap_copy, SLOT_ENV, SPARE, REGION, RWX | RIGHT_GRANT, world.base + world.count - 8, 8));
    OK(BOSS(device_open, PCI, FUNCTION_DEVICE, SPARE, PFN_ANY, DEVICE));
    tables(ADDRESS);
    use_everything();
    OK(BOSS(cap_delete, SPARE));
    assert_gone();
}

static void a_device_ends_with_its_environment(void **state)
{
    struct party p;

    (void)state;
    OK(BOSS(cap_delete, DEVICE));
    party_make(&p, SPARE);
    give(p.env, 20, SLOT_PCI, RW);
    give(p.env, 21, REGION, RWX);
    OK(CALL(p.t, device_open, 20, FUNCTION_DEVICE, 21, PFN_ANY, 22));
    assert_int_equal(function_info(FUNCTION_DEVICE)->owner, p.e->number);
    for (int e = ERR_OK; e == ERR_OK;)
        e = CALL(p.t, device_table, 22, 21, PFN_ANY, ADDRESS);
    give(p.env, 23, FRAMES, RW);
    OK(CALL(p.t, device_map, 22, 23, frames, 2, ADDRESS, RW));
    assert_ptr_equal(reach(1, true), frame_memory(frames + 1));
    OK(BOSS(cap_delete, p.env));
    assert_gone();
    assert_null(reach(1, true));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, world_end)
    const struct CMUnitTest tests[] = {
        T(a_refused_opening_changes_nothing),
        T(a_refused_call_changes_nothing),
        T(a_refused_mapping_changes_nothing),
        T(a_refused_binding_changes_nothing),
        T(what_is_mapped_is_reached_and_no_more),
        T(a_mapping_goes_with_the_frames),
        T(a_mapping_goes_with_its_table),
        T(pins_are_counted),
        T(messages_raise_their_bits),
        T(a_late_message_is_nobodys),
        T(messages_go_to_a_cpu),
        T(faults_are_told),
        T(a_flood_is_muted),
        T(a_flood_that_cannot_be_muted_is_cut_off),
        T(a_device_ends_with_its_capability),
        T(a_device_ends_with_its_function),
        T(a_device_ends_with_its_region),
        T(a_device_ends_with_its_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
