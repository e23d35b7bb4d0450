/* The user's L4 headers in C: words as the X.2 reference manual and L4Ka::Pistachio lay them out,
 * messages and buffers that never grow beyond their room. */
#include "tests/host/host.h"

#include <string.h>

#include <l4/arch.h>
#include <l4/bootinfo.h>
#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/misc.h>
#include <l4/schedule.h>
#include <l4/sigma0.h>
#include <l4/space.h>
#include <l4/thread.h>

#include "exo/abi/kip.h"
#include "exo/abi/l4.h"
#include "exo/abi/utcb.h"

static void fpages_have_their_words(void **state)
{
    (void)state;
    L4_Fpage_t f = L4_FpageAddRights(L4_Fpage(0x400000, 4096), L4_FullyAccessible);
    assert_int_equal(f.raw, 0x4000c7);
    assert_int_equal(f.X.b, 0x400000 >> 10);
    assert_int_equal(f.X.s, 12);
    assert_int_equal(f.X.rwx, 7);
    assert_int_equal(L4_Fpage(0, 4097).X.s, 13);
    assert_int_equal(L4_Fpage(0, 1).raw, 0);
    assert_int_equal(L4_Address(L4_FpageLog2(0x401c00, 12)), 0x401000);
    assert_int_equal(L4_Size(f), 4096);
    assert_int_equal(L4_Size(L4_Nilpage), 0);
    assert_int_equal(L4_CompleteAddressSpace.raw, FPAGE_COMPLETE);
    assert_int_equal(L4_FpageRemoveRights(f, L4_Writable).X.rwx, L4_ReadeXecOnly);
    L4_FpageRemoveRightsFrom(&f, L4_FullyAccessible);
    assert_int_equal(L4_Rights(L4_FpageAddRightsTo(&f, L4_Readable)), 4);
    assert_int_equal(L4_Rights(L4_Set_Rights(&f, L4_ReadWriteOnly)), 6);
    assert_true(L4_IsNilFpage(L4_Nilpage) && !L4_IsNilFpage(f));
}

static void port_fpages_are_told_from_memory(void **state)
{
    (void)state;
    L4_Fpage_t f = L4_IoFpage(0x3f8, 8);
    assert_int_equal(f.raw, 0x3f8u << 16 | 3u << 10 | 0x20);
    assert_true(L4_IsIoFpage(f) && !L4_IsIoFpage(L4_Fpage(0, 4096)));
    assert_int_equal(L4_IoFpagePort(f), 0x3f8);
    assert_int_equal(L4_IoFpageSize(f), 8);
    assert_int_equal(L4_IoFpageSizeLog2(L4_IoFpageLog2(0, 16)), 16);
}

static void thread_ids_have_their_words(void **state)
{
    (void)state;
    L4_ThreadId_t t = L4_GlobalId(0x32, 1);
    assert_int_equal(t.raw, 0x3200000001);
    assert_int_equal(t.global.X.thread_no, 0x32);
    assert_int_equal(t.global.X.version, 1);
    assert_int_equal(L4_ThreadNo(t), 0x32);
    assert_int_equal(L4_Version(t), 1);
    assert_true(L4_IsGlobalId(t) && !L4_IsLocalId(t));
    assert_true(L4_IsLocalId(L4_ThreadIdOf(0xbf000200)));
    assert_int_equal(L4_anylocalthread.raw, L4_ANY_LOCAL);
    assert_int_equal(L4_anylocalthread.local.X.local_id, ~(uint64_t)0 >> 6);
    assert_int_equal(L4_anythread.raw, ~(uint64_t)0);
    assert_true(L4_IsNilThread(L4_nilthread) && L4_IsThreadNotEqual(t, L4_nilthread));
}

static void times_have_their_words(void **state)
{
    (void)state;
    assert_int_equal(L4_TimePeriod(1000).raw, 0x3e8);
    assert_int_equal(L4_TimePeriod(1000000).raw, 0x2bd0);
    assert_int_equal(L4_TimePeriod(0).raw, L4_ZeroTime.raw);
    assert_int_equal(L4_ZeroTime.raw, TIME_ZERO);
    assert_int_equal(L4_TimePeriod((uint64_t)1 << 41).raw, L4_Never.raw);
    assert_int_equal(L4_TimePeriod(((uint64_t)1 << 41) - 1).raw, 31u << 10 | 0x3ff);
    assert_int_equal(L4_Timeouts(L4_TimePeriod(1000), L4_ZeroTime), 0x3e80400);

    L4_Time_t point = L4_TimePointFrom(L4_ClockOf(0), L4_ClockOf(1023));
    assert_int_equal(point.raw, 0x8000 | 1023);
    point = L4_TimePointFrom(L4_ClockOf(1000), L4_ClockOf(1000 + 1024));
    assert_int_equal(point.point.e, 1);
    assert_int_equal(point.point.m, (2024 >> 1) & 0x3ff);
    assert_int_equal(point.point.c, 2024 >> 11 & 1);
    assert_int_equal(L4_TimePointFrom(L4_ClockOf(5), L4_ClockOf(4)).raw, L4_Never.raw);
    assert_int_equal(L4_TimePointFrom(L4_ClockOf(0), L4_ClockOf(1u << 25)).raw, L4_Never.raw);
    assert_int_equal(L4_TimePointFrom(L4_ClockOf(0), L4_ClockOf((1u << 25) - 1)).point.e, 15);
}

static void clocks_compare_and_add(void **state)
{
    (void)state;
    L4_Clock_t c = L4_ClockAddUsec(L4_ClockOf((uint64_t)1 << 32), 5);
    assert_int_equal(c.X.high, 1);
    assert_int_equal(c.X.low, 5);
    assert_true(L4_IsClockLater(c, L4_ClockSubUsec(c, 1)));
    assert_true(L4_IsClockEarlier(L4_ClockOf(1), c) && L4_IsClockNotEqual(L4_ClockOf(1), c));
    assert_true(L4_IsClockEqual(c, c));
}

static void tags_have_their_words(void **state)
{
    (void)state;
    L4_MsgTag_t t = L4_MsgTagMake((L4_Word_t)-2 << 4, 2, 4);
    assert_int_equal(t.raw, TAG_MAKE(LABEL_PAGE_FAULT, 2, 4));
    assert_int_equal(t.X.u, 2);
    assert_int_equal(t.X.t, 4);
    assert_int_equal(t.X.label, L4_Label(t));
    assert_int_equal(L4_Label(t), 0xffffffffffe0);
    L4_Set_Propagation(&t);
    assert_int_equal(t.X.flags, 1);
    assert_true(L4_IpcPropagated(t) && L4_IpcSucceeded(t));
    t.X.flags = 0xe;
    assert_true(L4_IpcFailed(t) && L4_IpcXcpu(t) && L4_IpcRedirected(t) && !L4_IpcPropagated(t));
    assert_int_equal(L4_MsgTagAddLabel(t, 7).X.label, 7);
    L4_MsgTagAddLabelTo(&t, 8);
    assert_int_equal(t.X.label, 8);
}

static void items_have_their_words(void **state)
{
    (void)state;
    L4_Fpage_t f = L4_FpageOf(0x4000c7);
    L4_MapItem_t m = L4_MapItem(f, 0x400000);
    L4_GrantItem_t g = L4_GrantItem(f, 0x800);
    char text[4];
    L4_StringItem_t s = L4_StringItem(256, text);

    assert_int_equal(m.raw[0], 0x400008);
    assert_int_equal(m.raw[1], 0x4000c7);
    assert_int_equal(g.raw[0], 0x80a);
    assert_true(L4_IsMapItem(m) && L4_IsGrantItem(g));
    assert_int_equal(L4_MapItemSndBase(m), 0x400000);
    assert_int_equal(L4_GrantItemSndFpage(g).raw, f.raw);
    assert_int_equal(s.raw[0], 0x40000);
    assert_ptr_equal(s.X.str.string_ptr, text);
    assert_int_equal(s.X.string_length, 256);
    assert_true(L4_IsStringItem(&s) && !L4_CompoundString(&s));
    s = L4_AddCacheAllocationHint(s, L4_CacheAllocationHintOf(4));
    assert_int_equal(L4_CacheAllocationHint(s).raw, 4);
    assert_true(L4_IsStringItem(&s));
}

static void strings_grow_by_addresses_and_groups(void **state)
{
    (void)state;
    union {
        L4_Word_t words[8];
        L4_StringItem_t item;
    } s = {{0}};
    char a, b, c;
    L4_StringItem_t group = L4_StringItem(7, &c);

    s.item = L4_StringItem(5, &a);
    L4_AddSubstringAddressTo(&s.item, &b);
    assert_int_equal(L4_Substrings(&s.item), 2);
    assert_int_equal(L4_StringWords(s.words), 3);
    assert_ptr_equal(L4_AddSubstringTo(&s.item, &group), &s.words[3]);
    assert_true(L4_CompoundString(&s.item));
    assert_int_equal(L4_StringWords(s.words), 5);
    assert_ptr_equal(L4_Substring(&s.item, 2), &b);
    assert_int_equal(s.words[3], 7u << 10);
    assert_int_equal(s.words[4], (L4_Word_t)&c);
    L4_AddSubstringAddressTo(&s.item, &a);
    assert_int_equal(L4_StringWords(s.words), 6);
    assert_int_equal(s.words[5], (L4_Word_t)&a);
}

static void untyped_words_go_before_items(void **state)
{
    (void)state;
    L4_Msg_t m;
    L4_MapItem_t map = L4_MapItem(L4_FpageOf(0x1234c7), 0x1000), got;
    L4_Word_t word = 0;

    L4_MsgClear(&m);
    L4_Set_MsgLabel(&m, 0x77);
    L4_MsgAppendWord(&m, 1);
    L4_MsgAppendMapItem(&m, map);
    L4_MsgAppendWord(&m, 2);
    assert_int_equal(m.tag.raw, TAG_MAKE(0x77, 2, 2));
    assert_int_equal(m.msg[1], 1);
    assert_int_equal(m.msg[2], 2);
    assert_int_equal(L4_MsgGetMapItem(&m, 0, &got), 2);
    assert_memory_equal(&got, &map, sizeof got);
    L4_MsgPutWord(&m, 1, 9);
    L4_MsgGetWord(&m, 1, &word);
    assert_int_equal(word, 9);
    assert_int_equal(L4_MsgWord(&m, 0), 1);
    assert_int_equal(L4_MsgLabel(&m), 0x77);
}

static void messages_do_not_grow_beyond_their_room(void **state)
{
    (void)state;
    struct {
        L4_Msg_t m;
        L4_Word_t behind;
    } s = {.behind = 0xabc};
    L4_StringItem_t item = L4_StringItem(1, &s);

    L4_MsgClear(&s.m);
    for (unsigned i = 0; i < 100; i++)
        L4_MsgAppendWord(&s.m, i);
    assert_int_equal(s.m.tag.X.u, 63);
    L4_MsgClear(&s.m);
    for (unsigned i = 0; i < 100; i++)
        L4_MsgAppendSimpleStringItem(&s.m, item);
    assert_int_equal(s.m.tag.X.t, 62);
    L4_MsgAppendWord(&s.m, 1);
    L4_MsgAppendWord(&s.m, 1);
    assert_int_equal(s.m.tag.X.u, 1);
    assert_int_equal(s.behind, 0xabc);
}

static void messages_are_put_and_got_whole(void **state)
{
    (void)state;
    L4_Msg_t m;
    L4_Word_t words[3] = {1, 2, 3}, typed[2] = {4, 5}, got[5] = {0};

    L4_MsgPut(&m, 6, 3, words, 2, typed);
    assert_int_equal(m.tag.raw, TAG_MAKE(6, 3, 2));
    L4_MsgGet(&m, got, got + 3);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(got[i], i + 1);
}

static void acceptors_are_sets(void **state)
{
    (void)state;
    L4_Acceptor_t window = L4_MapGrantItems(L4_FpageOf(0x4000c7));
    L4_Acceptor_t both = L4_AddAcceptor(window, L4_StringItemsAcceptor);

    assert_int_equal(window.raw, 0x4000c0);
    assert_int_equal(both.raw, 0x4000c1);
    assert_true(L4_HasStringItems(both) && L4_HasMapGrantItems(both));
    assert_int_equal(L4_RcvWindow(both).raw, 0x4000c0);
    assert_int_equal(L4_RemoveAcceptor(both, L4_StringItemsAcceptor).raw, window.raw);
    assert_int_equal(L4_RemoveAcceptorFrom(&both, window).raw, 1);
    assert_int_equal(L4_AddAcceptorTo(&both, L4_MapGrantItems(L4_CompleteAddressSpace)).raw, 0x11);
}

static void buffers_chain_their_strings(void **state)
{
    (void)state;
    struct {
        L4_MsgBuffer_t b;
        L4_Word_t behind;
    } s = {.behind = 0xabc};
    unsigned last;

    L4_MsgBufferClear(&s.b);
    assert_int_equal(L4_MsgBufferWords(&s.b, &last), 0);
    L4_MsgBufferAppendSimpleRcvString(&s.b, L4_StringItem(10, &s));
    L4_MsgBufferAppendSimpleRcvString(&s.b, L4_StringItem(20, &last));
    assert_int_equal(s.b.raw[0], 10u << 10 | 1);
    assert_int_equal(s.b.raw[2], 20u << 10);
    assert_int_equal(L4_MsgBufferWords(&s.b, &last), 4);
    assert_int_equal(last, 2);
    for (unsigned i = 0; i < 100; i++)
        L4_MsgBufferAppendSimpleRcvString(&s.b, L4_StringItem(1, &s));
    assert_int_equal(L4_MsgBufferWords(&s.b, &last), 32);
    assert_int_equal(s.behind, 0xabc);
}

static void the_interface_page_has_the_kernels_layout(void **state)
{
    (void)state;
    struct kip k = {.magic = L4_MAGIC,
                    .api_version = KIP_API_VERSION,
                    .api_flags = KIP_API_FLAGS,
                    .utcb_info = 1u | 12u << 10 | 12u << 16,
                    .thread_info = 13u | 32u << 8 | 48u << 20,
                    .page_info = 0x201007,
                    .processor_info = 1 | (uint64_t)5 << 60,
                    .memory_info = (uint64_t)0x800 << 32 | 3,
                    .boot_info = 0x5000,
                    .ipc = 77,
                    .schedule = 78};
    const L4_KernelInterfacePage_t *u = L4_Kip(&k);

    assert_int_equal(sizeof *u, sizeof k);
    assert_int_equal(u->magic, KIP_MAGIC);
    assert_int_equal(u->ApiVersion.X.version, L4_APIVERSION_X2);
    assert_int_equal(u->ApiFlags.X.ww, L4_APIFLAG_64BIT);
    assert_int_equal(L4_UtcbSize(&k), UTCB_BYTES);
    assert_int_equal(L4_UtcbAreaSizeLog2(&k), 12);
    assert_int_equal(L4_ThreadIdBits(&k), 13);
    assert_int_equal(L4_ThreadIdSystemBase(&k), 32);
    assert_int_equal(L4_ThreadIdUserBase(&k), 48);
    assert_int_equal(L4_PageSizeMask(&k), 0x201000);
    assert_int_equal(L4_PageRights(&k), 7);
    assert_int_equal(L4_NumProcessors(&k), 2);
    assert_int_equal(L4_NumMemoryDescriptors(&k), 3);
    assert_ptr_equal(L4_MemoryDesc(&k, 2), (char *)&k + 0x820);
    assert_null(L4_MemoryDesc(&k, 3));
    assert_null(L4_ProcDesc(&k, 2));
    assert_int_equal(L4_BootInfo(&k), 0x5000);
    assert_int_equal(u->Ipc, 77);
    assert_int_equal(u->Schedule, 78);
}

static void descriptors_say_type_and_bounds(void **state)
{
    (void)state;
    L4_MemoryDesc_t m = {{0x100000 | 1u << 9 | 0x2eu, 0x1ffc00}};

    assert_int_equal(L4_MemoryDescLow(&m), 0x100000);
    assert_int_equal(L4_MemoryDescHigh(&m), 0x1fffff);
    assert_true(L4_IsMemoryDescVirtual(&m));
    assert_int_equal(L4_MemoryDescType(&m), 0x2e);
    m.X.type = L4_ConventionalMemoryType;
    assert_int_equal(L4_MemoryDescType(&m), 1);
}

static void features_are_counted_to_the_end(void **state)
{
    (void)state;
    union {
        L4_KernelInterfacePage_t kip;
        char bytes[1024];
    } page = {{0}};

    page.kip.KernelVerPtr = 512;
    memcpy(page.bytes + 512 + sizeof(L4_KernelDesc_t), "name\0one\0two\0", 14);
    assert_string_equal(L4_KernelVersionString(&page), "name");
    assert_string_equal(L4_Feature(&page, 0), "one");
    assert_string_equal(L4_Feature(&page, 1), "two");
    assert_null(L4_Feature(&page, 2));
}

static void boot_records_are_walked(void **state)
{
    (void)state;
    struct {
        L4_BootInfo_t info;
        L4_Boot_Module_t module;
        char command[8];
        L4_Boot_SimpleExec_t exec;
    } b = {.info = {L4_BOOTINFO_MAGIC, 1, sizeof b, sizeof b.info, 2, {0}},
           .module = {L4_BootInfo_Module, 1, 7 * 8, 0x100, 0x20, 6 * 8},
           .command = "run it",
           .exec = {.type = L4_BootInfo_SimpleExec, .version = 1, .initial_ip = 0x4000}};
    const L4_BootRec_t *first = L4_BootInfo_FirstEntry(&b), *second = L4_BootRec_Next(first);

    assert_true(L4_BootInfo_Valid(&b));
    assert_int_equal(L4_BootInfo_Entries(&b), 2);
    assert_int_equal(L4_Module_Start(first), 0x100);
    assert_int_equal(L4_Module_Size(first), 0x20);
    assert_string_equal(L4_Module_Cmdline(first), "run it");
    assert_int_equal(L4_BootRec_Type(second), L4_BootInfo_SimpleExec);
    assert_int_equal(L4_SimpleExec_InitialIP(second), 0x4000);
    assert_null(L4_SimpleExec_Cmdline(second));
}

static void registers_lie_where_the_kernel_looks(void **state)
{
    (void)state;
    assert_int_equal(L4_TCR_THREAD_WORD0, TCR_THREADWORD0);
    assert_int_equal(L4_TCR_VIRTUAL_SENDER, TCR_ACTUAL_SENDER);
    assert_int_equal(L4_TCR_INTENDED_RECEIVER, TCR_INTENDED);
    assert_int_equal(L4_TCR_XFER_TIMEOUTS, TCR_XFER_TIMEOUTS);
    assert_int_equal(L4_TCR_ERROR_CODE, TCR_ERROR);
    assert_int_equal(L4_TCR_FLAGS, TCR_FLAGS);
    assert_int_equal(L4_TCR_EXCEPTION_HANDLER, TCR_EXC_HANDLER);
    assert_int_equal(L4_TCR_PAGER, TCR_PAGER);
    assert_int_equal(L4_TCR_USER_DEFINED_HANDLE, TCR_USER_HANDLE);
    assert_int_equal(L4_TCR_PROCESSOR_NO, TCR_PROCESSOR);
    assert_int_equal(L4_TCR_GLOBAL_ID, TCR_GLOBAL_ID);
    assert_int_equal(L4_TCR_BR0, TCR_BR0);
    assert_int_equal(L4_NumMRs, MR_COUNT);
    assert_int_equal(L4_NumBRs, BR_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fpages_have_their_words),
        cmocka_unit_test(port_fpages_are_told_from_memory),
        cmocka_unit_test(thread_ids_have_their_words),
        cmocka_unit_test(times_have_their_words),
        cmocka_unit_test(clocks_compare_and_add),
        cmocka_unit_test(tags_have_their_words),
        cmocka_unit_test(items_have_their_words),
        cmocka_unit_test(strings_grow_by_addresses_and_groups),
        cmocka_unit_test(untyped_words_go_before_items),
        cmocka_unit_test(messages_do_not_grow_beyond_their_room),
        cmocka_unit_test(messages_are_put_and_got_whole),
        cmocka_unit_test(acceptors_are_sets),
        cmocka_unit_test(buffers_chain_their_strings),
        cmocka_unit_test(the_interface_page_has_the_kernels_layout),
        cmocka_unit_test(descriptors_say_type_and_bounds),
        cmocka_unit_test(features_are_counted_to_the_end),
        cmocka_unit_test(boot_records_are_walked),
        cmocka_unit_test(registers_lie_where_the_kernel_looks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
