/* Messages of devices: each has an entry that says who may send it and whom it interrupts. The
 * number of a message is the CPU's vector. */
#include "exo/arch/upward.h"
#include "exo/arch/x86_64/vtd.h"

#define COMMAND_TABLE  ((uint32_t)1 << 24)
#define COMMAND_REMAP  ((uint32_t)1 << 25)
#define ENTRIES        256u
#define TABLE_SIZE     7u /* ENTRIES is 2^(1 + this) */
#define PRESENT        1u
#define LEVEL          ((uint64_t)1 << 4)
#define AT_VECTOR      16u
#define AT_DESTINATION 40u
#define CHECK_SENDER   ((uint64_t)1 << 18) /* all bits of its requester number */

#define ONE_MESSAGE 0x14u /* an invalidation */
#define AT_MESSAGE  32u

#define ADDRESS       0xfee00000u
#define REMAPPABLE    (1u << 4)
#define HAS_SUBHANDLE (1u << 3) /* the data is added to the number: 0 */
#define AT_NUMBER     5u

static uint64_t *table; /* [ENTRIES][2]; NULL: messages are not remapped */

static void forget(unsigned vector)
{
    const uint64_t words[] = {ONE_MESSAGE | (uint64_t)vector << AT_MESSAGE, 0};

    vtd_invalidate(words, 2);
}

/* Messages in the old format are blocked from now on: that is what leaving its bit off means. */
void remap_start(void)
{
    paddr_t frame = boot_frames(1);

    table = arch_phys(frame);
    vtd_write64(VTD_MESSAGES, frame | TABLE_SIZE);
    vtd_command(COMMAND_TABLE);
    forget(0);
    vtd_command(COMMAND_REMAP);
}

void remap_allow(uint16_t requester, uint32_t apic, unsigned vector, bool level)
{
    vtd_put(&table[2 * vector + 1], CHECK_SENDER | requester);
    vtd_put(&table[2 * vector], (uint64_t)apic << AT_DESTINATION | (uint64_t)vector << AT_VECTOR |
                                    (level ? LEVEL : 0) | PRESENT);
    forget(vector);
}

void remap_forbid(unsigned vector)
{
    vtd_put(&table[2 * vector], 0);
    forget(vector);
}

bool remap_is_on(void)
{
    return table != NULL;
}

uint64_t remap_address(unsigned vector)
{
    return ADDRESS | (uint64_t)vector << AT_NUMBER | REMAPPABLE | HAS_SUBHANDLE;
}
