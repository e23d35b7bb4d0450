/* Commands and invalidations: how one speaks to the IOMMU and waits for it. */
#include "exo/arch/cpu.h"
#include "exo/arch/upward.h"
#include "exo/arch/x86_64/vtd.h"
#include "exo/base/assert.h"

#define PATIENCE       100000000u  /* turns of waiting: it is broken, not slow */
#define COMMAND_KEPT   0x96ffffffu /* of the status: what is on, not what was done once */
#define COMMAND_QUEUE  ((uint32_t)1 << 26)
#define QUEUE_ENTRIES  256u  /* that a frame holds, of two words */
#define FAULTS_REFUSED 0x70u /* of the fault status: an invalidation was wrong or not answered */

#define WAIT          0x25u /* a descriptor: write a word when all before it are done */
#define WAIT_DONE     1u
#define WAIT_DATA     32u /* the word's first bit */
#define ALL_CONTEXTS  0x11u
#define ALL_ADDRESSES 0x12u
#define ALL_MESSAGES  0x04u

static uint64_t *queue;
static unsigned tail;
static uint32_t *done; /* the IOMMU writes it, in the frame behind the queue */

void vtd_command(uint32_t bit)
{
    vtd_write32(VTD_COMMAND, (vtd_read32(VTD_STATUS) & COMMAND_KEPT) | bit);
    for (uint32_t i = 0; !(vtd_read32(VTD_STATUS) & bit); i++) {
        ASSERT(i < PATIENCE);
        arch_relax();
    }
}

void vtd_put(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    __asm__ volatile("clflush %0" : "+m"(*word));
}

static void queue_put(uint64_t low, uint64_t high)
{
    vtd_put(&queue[2 * tail], low);
    vtd_put(&queue[2 * tail + 1], high);
    tail = (tail + 1) % QUEUE_ENTRIES;
}

void vtd_invalidate(const uint64_t *words, unsigned count)
{
    for (unsigned i = 0; i < count; i += 2)
        queue_put(words[i], words[i + 1]);
    __atomic_store_n(done, 0, __ATOMIC_RELAXED);
    queue_put((uint64_t)WAIT_DONE << WAIT_DATA | WAIT, arch_phys_of(done));
    vtd_write64(VTD_QUEUE_TAIL, tail * 16);
    for (uint32_t i = 0; __atomic_load_n(done, __ATOMIC_ACQUIRE) != WAIT_DONE; i++) {
        ASSERT(i < PATIENCE && !(vtd_read32(VTD_FAULTS) & FAULTS_REFUSED));
        arch_relax();
    }
}

void vtd_queue_start(void)
{
    static const uint64_t everything[] = {ALL_CONTEXTS, 0, ALL_ADDRESSES, 0, ALL_MESSAGES, 0};
    paddr_t frames = boot_frames(2);

    queue = arch_phys(frames);
    done = arch_phys(frames + PAGE_SIZE);
    tail = 0;
    vtd_write64(VTD_QUEUE_TAIL, tail);
    vtd_write64(VTD_QUEUE, frames);
    vtd_command(COMMAND_QUEUE);
    vtd_invalidate(everything, 6);
}
