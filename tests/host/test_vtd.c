/* The driver of the IOMMU against one made of C, which reads the same tables: that it is taken into
 * use in the right order or not at all, what its tables say, and that nothing stale stays cached.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exo/arch/cpu.h"
#include "exo/arch/irq.h"
#include "exo/arch/upward.h"
#include "exo/arch/x86_64/vtd.h"
#include "exo/base/print.h"

#define MEMORY_BYTES                                                                               \
    ((paddr_t)64 << 20) /* tables of the firmware lie below, frames from MIDDLE on */
#define RSDP       0x1000u
#define ROOT_TABLE 0x1100u
#define DMAR       0x1200u
#define MIDDLE     0x200000u

#define ON_QUEUE  (1u << 26)
#define ON_REMAP  (1u << 25)
#define ON_OLD    (1u << 23) /* messages in the old format */
#define DID_TABLE (1u << 24)
#define DID_ROOT  (1u << 30)
#define ON        (1u << 31)

#define CAP_GOOD          ((uint64_t)0x22 << 24 | (uint64_t)1 << 40 | 1u << 9 | 2u) /* 2 fault records */
#define CAP_CACHES_ABSENT (1u << 7)
#define ECAP_GOOD         ((1u << 1) | (1u << 3) | (1u << 6))
#define FAULTS_AT         0x220u

#define CARD    ((uint16_t)0x18) /* function 3.0 */
#define TABLES  ((paddr_t)0x300000)
#define IO_APIC 0xff00u

static uint8_t *memory;
static paddr_t next_frame;

/* The IOMMU. */
static struct {
    uint64_t cap, ecap, root, queue, tail, messages;
    uint32_t status, fault_status, fault_mask, fault_data, fault_where;
    uint64_t faults[2][2];
    bool mapped;
    unsigned all_contexts, all_addresses, all_messages, descriptors;
    uint64_t last_addresses, last_message;    /* the last invalidation of that kind */
    uint64_t contexts[256][2], table[256][2]; /* cached: the worst, all of it */
} unit;

void *host_memory(paddr_t pa)
{
    assert_true(pa < MEMORY_BYTES);
    return memory + pa;
}

paddr_t host_memory_address(const void *p)
{
    return (paddr_t)((const uint8_t *)p - memory);
}

void host_relax(void)
{
    fail_msg("waits for what is done");
}

paddr_t boot_frames(uint32_t count)
{
    paddr_t at = next_frame;

    next_frame += count * PAGE_SIZE;
    return at;
}

void print_char(char c)
{
    (void)c;
}

struct arch_msi arch_msi_local(void (*handler)(void))
{
    assert_null(handler);
    return (struct arch_msi){0xfee00000u, 0x41, 0x41};
}

void vtd_map(paddr_t base)
{
    assert_int_equal(base, 0xfed90000u);
    unit.mapped = true;
}

static const uint64_t *context_table(void)
{
    const uint64_t *root = host_memory(unit.root);

    return root[0] & 1 ? host_memory(root[0] & ~(uint64_t)0xfff) : NULL;
}

static void cache_contexts(void)
{
    if (context_table())
        memcpy(unit.contexts, context_table(), sizeof unit.contexts);
}

static void cache_messages(void)
{
    memcpy(unit.table, host_memory(unit.messages & ~(uint64_t)0xfff), sizeof unit.table);
}

static void perform(uint64_t low, uint64_t high)
{
    unit.descriptors++;
    switch (low & 0xf) {
    case 1:
        assert_int_equal(low, 0x11);
        unit.all_contexts++;
        cache_contexts();
        break;
    case 2:
        assert_int_equal(low & ~((uint64_t)0xffff << 16 | 0xc0 | 0x30), 2);
        unit.all_addresses += (low & 0x30) == 0x10;
        unit.last_addresses = low;
        break;
    case 4:
        unit.all_messages += !(low & 0x10);
        unit.last_message = low;
        if (unit.messages)
            cache_messages();
        break;
    case 5:
        assert_int_equal(low & 0x20, 0x20);
        *(uint32_t *)host_memory(high) = (uint32_t)(low >> 32);
        break;
    default:
        fail_msg("no such invalidation");
    }
}

static void run_queue(uint64_t tail)
{
    const uint64_t(*queue)[2] = host_memory(unit.queue);

    for (; unit.tail != tail / 16; unit.tail = (unit.tail + 1) % 256)
        perform(queue[unit.tail][0], queue[unit.tail][1]);
}

/* What is switched on needs what it stands on. */
static void command(uint32_t bits)
{
    uint32_t fresh = bits & ~unit.status;

    assert_false(bits & ON_OLD);
    if (fresh & ON)
        assert_true((unit.status & (DID_ROOT | ON_QUEUE | ON_REMAP)) ==
                        (DID_ROOT | ON_QUEUE | ON_REMAP) &&
                    unit.all_contexts && unit.all_addresses && unit.all_messages);
    if (fresh & DID_ROOT)
        assert_true(unit.root);
    if (fresh & ON_REMAP)
        assert_true(unit.status & DID_TABLE);
    unit.status = (unit.status & ~(uint32_t)0x96ffffff) | (unit.status & 0x69000000u) | bits;
    if (fresh & DID_TABLE)
        cache_messages();
}

uint32_t vtd_read32(unsigned at)
{
    assert_true(unit.mapped);
    return at == VTD_STATUS ? unit.status : at == VTD_FAULTS ? unit.fault_status : 0;
}

uint64_t vtd_read64(unsigned at)
{
    assert_true(unit.mapped);
    if (at >= FAULTS_AT && at < FAULTS_AT + sizeof unit.faults)
        return unit.faults[(at - FAULTS_AT) / 16][at / 8 % 2];
    return at == VTD_CAP ? unit.cap : at == VTD_ECAP ? unit.ecap : 0;
}

void vtd_write32(unsigned at, uint32_t value)
{
    if (at == VTD_COMMAND)
        command(value);
    else if (at == VTD_FAULTS)
        unit.fault_status &= ~value;
    else
        *(at == VTD_FAULT_MASK   ? &unit.fault_mask
          : at == VTD_FAULT_DATA ? &unit.fault_data
                                 : &unit.fault_where) = value;
}

void vtd_write64(unsigned at, uint64_t value)
{
    if (at >= FAULTS_AT)
        unit.faults[(at - FAULTS_AT) / 16][at / 8 % 2] &= ~value; /* written ones clear */
    else if (at == VTD_QUEUE_TAIL)
        run_queue(value);
    else
        *(at == VTD_ROOT ? &unit.root : at == VTD_QUEUE ? &unit.queue : &unit.messages) = value;
}

/* The firmware's tables. */

static uint8_t *dmar;
static uint32_t dmar_bytes;

static void put(unsigned at, uint64_t value, unsigned bytes)
{
    memcpy(dmar + at, &value, bytes);
}

static void add_unit(uint8_t flags, uint16_t segment)
{
    unsigned at = dmar_bytes;

    put(at + 2, 32, 2);
    put(at + 4, flags, 1);
    put(at + 6, segment, 2);
    put(at + 8, 0xfed90000u, 8);
    put(at + 16, 3 | 8 << 8, 2); /* the I/O APIC: bus 255, function 0 */
    put(at + 21, 0xff, 1);
    put(at + 24, 1 | 8 << 8, 2); /* the card */
    put(at + 30, CARD >> 3, 1);
    dmar_bytes += 32;
    put(4, dmar_bytes, 4);
}

static int set_up(void **state)
{
    uint64_t root = ROOT_TABLE, entry = DMAR;
    uint32_t bytes = 36 + 8;

    (void)state;
    memory = aligned_alloc(PAGE_SIZE, MEMORY_BYTES);
    memset(memory, 0, MEMORY_BYTES);
    memset(&unit, 0, sizeof unit);
    unit.cap = CAP_GOOD;
    unit.ecap = ECAP_GOOD;
    unit.fault_mask = 1u << 31;
    next_frame = MIDDLE;
    memory[RSDP + 15] = 2;
    memcpy(memory + RSDP + 24, &root, 8);
    memcpy(memory + ROOT_TABLE + 4, &bytes, 4);
    memcpy(memory + ROOT_TABLE + 36, &entry, 8);
    dmar = memory + DMAR;
    memcpy(dmar, "DMAR", 4);
    dmar_bytes = 48;
    put(37, 1, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static bool old_messages_stop;

bool apic_stops_old_messages(void)
{
    assert_int_equal(unit.status & ON_REMAP, ON_REMAP);
    return old_messages_stop;
}

static enum arch_iommu start(void)
{
    return arch_iommu_start(RSDP, NULL);
}

static void begin(void)
{
    add_unit(0, 0);
    old_messages_stop = true;
    assert_int_equal(start(), ARCH_IOMMU_FULL);
}

/* Nothing is cached that the tables do not say. */
static void assert_fresh(void)
{
    assert_memory_equal(unit.contexts, context_table(), sizeof unit.contexts);
    assert_memory_equal(unit.table, host_memory(unit.messages & ~(uint64_t)0xfff),
                        sizeof unit.table);
}

/* Each test of a refusal runs in a process state where no IOMMU was started yet. */
static void what_cannot_confine_is_not_used(void **state)
{
    static const uint64_t caps[] = {CAP_GOOD & ~(uint64_t)(1u << 9), CAP_GOOD | 1u << 4,
                                    CAP_GOOD & ~(uint64_t)7};

    (void)state;
    assert_int_equal(arch_iommu_start(0, NULL), ARCH_IOMMU_NONE);
    memcpy(dmar, "XMAR", 4);
    assert_int_equal(start(), ARCH_IOMMU_NONE);
    memcpy(dmar, "DMAR", 4);
    put(4, 48, 4);
    assert_int_equal(start(), ARCH_IOMMU_NONE); /* names no unit */
    put(48 + 2, 0, 2);
    put(4, 64, 4);
    assert_int_equal(start(), ARCH_IOMMU_NONE); /* a structure of no length */
    put(48 + 2, 200, 2);
    assert_int_equal(start(), ARCH_IOMMU_NONE); /* one that leaves the table */
    add_unit(0, 1);
    assert_int_equal(start(), ARCH_IOMMU_NONE); /* another segment */
    dmar_bytes = 48;
    add_unit(0, 0);
    put(37, 0, 1);
    assert_int_equal(start(), ARCH_IOMMU_NONE); /* interrupts are not to be remapped */
    put(37, 1, 1);
    put(48 + 16, 1, 1);
    assert_int_equal(start(), ARCH_IOMMU_NONE); /* it does not know the I/O APIC */
    put(48 + 16, 3, 1);
    add_unit(0, 0);
    assert_int_equal(start(), ARCH_IOMMU_NONE); /* two units */
    dmar_bytes = 48;
    add_unit(0, 0);
    for (unsigned i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        unit.cap = caps[i];
        assert_int_equal(start(), ARCH_IOMMU_NONE);
    }
    unit.cap = CAP_GOOD;
    for (unsigned bit = 1; bit <= 6; bit++)
        if (ECAP_GOOD >> bit & 1) {
            unit.ecap = ECAP_GOOD & ~(1u << bit);
            assert_int_equal(start(), ARCH_IOMMU_NONE);
        }
    assert_int_equal(unit.status, 0);
    assert_true(arch_iommu_serves(0xffff)); /* nothing is watched, nothing is missed */
    arch_iommu_pass(CARD);
}

static void it_comes_up_with_everything_blocked(void **state)
{
    (void)state;
    begin();
    assert_int_equal(unit.status & (ON | ON_QUEUE | ON_REMAP | ON_OLD), ON | ON_QUEUE | ON_REMAP);
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(context_table()[2 * i] | unit.table[i][0], 0);
    assert_int_equal(unit.fault_mask, 0);
    assert_int_equal(unit.fault_data, 0x41);
    assert_int_equal(arch_iommu_levels(), 3);
    assert_int_equal(remap_io_apic(), IO_APIC);
    assert_true(arch_iommu_serves(CARD));
    assert_false(arch_iommu_serves(CARD + 1));
    assert_false(arch_iommu_serves(0x100 + CARD));
    assert_fresh();
}

static void that_forged_messages_get_by_is_told(void **state)
{
    (void)state;
    add_unit(0, 0);
    old_messages_stop = false;
    assert_int_equal(start(), ARCH_IOMMU_DMA);
}

static void a_unit_may_serve_all(void **state)
{
    (void)state;
    add_unit(1, 0);
    unit.cap |= 1u << 10;
    assert_true(start());
    assert_true(arch_iommu_serves(CARD + 1));
    arch_iommu_pass(0x310);
    const uint64_t *root = host_memory(unit.root);
    assert_int_equal(root[6] & 1, 1);
    const uint64_t *context = (const uint64_t *)host_memory(root[6] & ~(uint64_t)0xfff) + 2 * 0x10;
    assert_int_equal(context[0], 2 << 2 | 1);
    assert_int_equal(context[1] & 7, 2); /* as many levels as there can be */
}

static void a_device_gets_its_domain_and_loses_it(void **state)
{
    (void)state;
    begin();
    arch_iommu_attach(CARD, 7, TABLES);
    assert_int_equal(context_table()[2 * CARD], TABLES | 1);
    assert_int_equal(context_table()[2 * CARD + 1], 7 << 8 | 1);
    assert_int_equal(context_table()[2 * CARD + 2], 0);
    assert_fresh();
    arch_iommu_mute(CARD, true);
    assert_int_equal(context_table()[2 * CARD], TABLES | 3);
    assert_fresh();
    arch_iommu_mute(CARD, false);
    assert_int_equal(context_table()[2 * CARD], TABLES | 1);
    unsigned before = unit.all_addresses;
    arch_iommu_block(CARD);
    assert_int_equal(context_table()[2 * CARD], 0);
    assert_int_equal(unit.all_addresses, before + 1);
    assert_fresh();
    arch_iommu_mute(0x900, true); /* a bus without table: blocked anyway */
}

static void a_flush_names_its_domain(void **state)
{
    (void)state;
    unit.cap |= (uint64_t)3 << 54;
    begin();
    for (uint16_t i = 0; i < 1000; i++) { /* the queue comes round */
        uint16_t domain = (uint16_t)(1 + i % IOMMU_DOMAIN_MAX);
        arch_iommu_flush(domain);
        assert_int_equal(unit.last_addresses, (uint64_t)domain << 16 | 0xe2);
    }
    unsigned before = unit.descriptors;
    arch_iommu_filled(3);
    assert_int_equal(unit.descriptors, before);
}

static void absent_entries_may_be_cached(void **state)
{
    (void)state;
    unit.cap |= CAP_CACHES_ABSENT;
    begin();
    arch_iommu_filled(3);
    assert_int_equal(unit.last_addresses & ~(uint64_t)0xc0, 3 << 16 | 0x22);
}

static void a_message_has_one_sender(void **state)
{
    (void)state;
    begin();
    remap_allow(CARD, 5, 0x83, false);
    const uint64_t *entry = unit.table[0x83];
    assert_int_equal(entry[0] & 1, 1);
    assert_int_equal(entry[0] >> 16 & 0xff, 0x83);
    assert_int_equal(entry[0] >> 40 & 0xff, 5);
    assert_int_equal(entry[0] >> 2 & 0x3f, 0); /* fixed, physical, by edge */
    assert_int_equal(entry[1], 1 << 18 | CARD);
    assert_int_equal(unit.last_message, (uint64_t)0x83 << 32 | 0x14);
    assert_int_equal(remap_address(0x83), 0xfee00000u | 0x83 << 5 | 0x18);
    assert_fresh();
    remap_forbid(0x83);
    assert_int_equal(unit.table[0x83][0], 0);
    assert_fresh();
}

static void faults_are_taken_and_cleared(void **state)
{
    struct arch_iommu_fault f;

    (void)state;
    begin();
    assert_false(arch_iommu_fault(&f));
    unit.faults[1][0] = 0x12345000;
    unit.faults[1][1] = (uint64_t)1 << 63 | (uint64_t)5 << 32 | CARD;
    unit.faults[0][0] = (uint64_t)0x83 << 48;
    unit.faults[0][1] = (uint64_t)1 << 63 | (uint64_t)0x26 << 32 | CARD;
    unit.fault_status = 1;
    assert_true(arch_iommu_fault(&f));
    assert_int_equal(f.reason, 0x26);
    assert_int_equal(f.address, 0x83);
    assert_int_equal(unit.fault_status, 0);
    assert_true(arch_iommu_fault(&f));
    assert_int_equal(f.requester, CARD);
    assert_int_equal(f.reason, 5);
    assert_int_equal(f.address, 0x12345000);
    assert_false(arch_iommu_fault(&f));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_cannot_confine_is_not_used),       T(it_comes_up_with_everything_blocked),
        T(that_forged_messages_get_by_is_told),   T(a_unit_may_serve_all),
        T(a_device_gets_its_domain_and_loses_it), T(a_flush_names_its_domain),
        T(absent_entries_may_be_cached),          T(a_message_has_one_sender),
        T(faults_are_taken_and_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
