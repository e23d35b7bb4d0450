/* Driving QEMU's device for teaching. */
#include "tests/qemu/edu.h"

#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "libos/call.h"
#include "libos/region.h"
#include "tests/qemu/guest.h"

#define VIEW      (GUEST_FREE + ((vaddr_t)1 << 30))
#define AT_BUFFER 0x40000u /* of the engine, as it is told */
#define AT_SOURCE 0x80u
#define AT_TARGET 0x88u
#define AT_LENGTH 0x90u
#define AT_ENGINE 0x98u
#define GO        1u
#define OUTWARDS  2u
#define LOOK      2000u /* microseconds */

uint32_t edu_find(void)
{
    for (uint32_t n = 0; n < KINFO->device_count; n++)
        if (DEVICES[n].vendor == EDU_VENDOR && DEVICES[n].device == EDU_DEVICE)
            return n;
    return DEVICE_MAX;
}

enum err edu_open(struct edu *e)
{
    word_t first = 0;

    e->function = edu_find();
    e->device = guest_slot();
    e->window = guest_slot();
    enum err error = exo_device_open(SLOT_PCI, e->function, SLOT_MEMORY, PFN_ANY, e->device);
    if (error == ERR_OK)
        error = exo_device_window_get(e->device, 0, 0, 1, e->window, &first);
    if (error == ERR_OK)
        error = guest_tables(SLOT_ENV, VIEW);
    e->window_first = (pfn_t)first;
    if (error == ERR_OK)
        error = guest_bind(SLOT_ENV, e->window, VIEW, e->window_first, RIGHT_READ | RIGHT_WRITE);
    e->regs = (volatile uint32_t *)VIEW;
    return error;
}

enum err edu_tables(const struct edu *e, uint64_t address)
{
    enum err error;

    do
        error = exo_device_table(e->device, SLOT_MEMORY, PFN_ANY, address);
    while (error == ERR_OK);
    return error == ERR_IN_USE ? ERR_OK : error;
}

static volatile uint64_t *engine(const struct edu *e, unsigned at)
{
    return (volatile uint64_t *)((vaddr_t)e->regs + at);
}

static void run(const struct edu *e, uint64_t source, uint64_t target, uint32_t command)
{
    *engine(e, AT_SOURCE) = source;
    *engine(e, AT_TARGET) = target;
    *engine(e, AT_LENGTH) = sizeof(uint32_t);
    *engine(e, AT_ENGINE) = command | GO;
    while (*engine(e, AT_ENGINE) & GO)
        guest_sleep(LOOK);
}

void edu_read(const struct edu *e, uint64_t address)
{
    run(e, address, AT_BUFFER, 0);
}

void edu_write(const struct edu *e, uint64_t address)
{
    run(e, AT_BUFFER, address, OUTWARDS);
}
