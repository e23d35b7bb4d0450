/* What a boot loader writes into the L4 kernel interface page, by calls. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "l4core/control.h"

#define WEAK 40u /* the machine, to look at */

static int set_up(void **state)
{
    world_begin(state);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, SLOT_MACHINE, RIGHT_READ, 0, 0));
    return 0;
}

static struct kip *kip(void)
{
    return frame_memory(kip_frame());
}

static void the_loaders_words_are_set_and_no_others(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    const uint32_t root = offsetof(struct kip, root), info = offsetof(struct kip, boot_info);

    for (uint32_t at = 0; at < PAGE_SIZE; at += 4) {
        bool loaders = at % 8 == 0 && ((at >= 0x40 && at < 0xa0) || at == info);
        if (!loaders)
            REFUSED(ERR_BAD_ARG, b, kip_set, SLOT_MACHINE, at, 1);
    }
    REFUSED(ERR_BAD_ARG, b, kip_set, SLOT_MACHINE, PAGE_SIZE + root, 1);
    REFUSED(ERR_BAD_CAP, b, kip_set, SLOT_CONSOLE, root, 1);
    REFUSED(ERR_NO_RIGHT, b, kip_set, WEAK, root, 1);
    OK(BOSS(kip_set, SLOT_MACHINE, root + 8 * KIP_SERVER_IP, 0x1234));
    OK(BOSS(kip_set, SLOT_MACHINE, info, 0x5000));
    assert_int_equal(kip()->root[KIP_SERVER_IP], 0x1234);
    assert_int_equal(kip()->boot_info, 0x5000);
    OK(BOSS(kip_set, SLOT_MACHINE, root + 8 * KIP_SERVER_IP, 0));
    OK(BOSS(kip_set, SLOT_MACHINE, info, 0));
}

static void memory_descriptors_are_added(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    const uint64_t before = kip()->memory_info;
    const uint64_t *at = (const uint64_t *)(const void *)((const char *)kip() + (before >> 32)) +
                         2 * (before & 0xffffffff);
    int last = ERR_OK;

    REFUSED(ERR_BAD_ARG, b, kip_memory, SLOT_MACHINE, 0x1001, 0x2000, KIP_MEMORY_SHARED);
    REFUSED(ERR_BAD_ARG, b, kip_memory, SLOT_MACHINE, 0x1000, 0x2001, KIP_MEMORY_SHARED);
    REFUSED(ERR_BAD_ARG, b, kip_memory, SLOT_MACHINE, 0x1000, 0x1000, KIP_MEMORY_SHARED);
    REFUSED(ERR_BAD_ARG, b, kip_memory, SLOT_MACHINE, 0x1000, 0x2000, 0);
    REFUSED(ERR_BAD_ARG, b, kip_memory, SLOT_MACHINE, 0x1000, 0x2000, 5);
    REFUSED(ERR_BAD_ARG, b, kip_memory, SLOT_MACHINE, 0x1000, 0x2000, 0x10e);
    REFUSED(ERR_BAD_CAP, b, kip_memory, SLOT_CONSOLE, 0x1000, 0x2000, KIP_MEMORY_SHARED);
    REFUSED(ERR_NO_RIGHT, b, kip_memory, WEAK, 0x1000, 0x2000, KIP_MEMORY_SHARED);
    OK(BOSS(kip_memory, SLOT_MACHINE, 0x1000, 0x3400, 0x20 | KIP_MEMORY_LOADER));
    assert_int_equal(kip()->memory_info, before + 1);
    assert_int_equal(at[0], 0x102e);
    assert_int_equal(at[1] | 0x3ff, 0x33ff);
    for (unsigned i = 0; i < 100 && last == ERR_OK; i++)
        last = BOSS(kip_memory, SLOT_MACHINE, 0x1000, 0x2000, KIP_MEMORY_RESERVED);
    REFUSED(ERR_NO_MEM, b, kip_memory, SLOT_MACHINE, 0x1000, 0x2000, KIP_MEMORY_RESERVED);
    kip()->memory_info = before;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_loaders_words_are_set_and_no_others),
        TEST(memory_descriptors_are_added),
    };
    return cmocka_run_group_tests_name("l4core/kip", tests, NULL, NULL);
}
