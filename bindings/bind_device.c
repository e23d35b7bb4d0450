/* Calls: dedicated devices. */
#include "bindings/cap.h"
#include "bindings/device.h"
#include "bindings/io_table.h"
#include "bindings/node.h"
#include "exo/entry/handlers.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/io/function.h"
#include "exo/mem/frame.h"

#define DMA_RIGHTS    (RIGHT_READ | RIGHT_WRITE)
#define WINDOW_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT)

/* What users learn of the functions. */
void device_init(void)
{
    kinfo_get()->device_count = function_count();
}

void hook_iommu_interrupt(void)
{
    forest_lock();
    device_take_faults();
    forest_unlock();
}

static struct device *find_device(const struct env *e, slot_t slot, struct cap **cap)
{
    *cap = cap_find(e, slot, CAP_DEVICE);
    return *cap ? frame_memory((*cap)->base) : NULL;
}

struct open_plan {
    struct object_place place;
    struct cap *pci;
};

static enum err check_open(const struct env *e, const struct sys_device_open_args *a,
                           struct open_plan *p)
{
    enum err place = object_check(e, a->region, a->base, DEVICE_FRAMES, a->dst, true, &p->place);

    p->pci = cap_find(e, a->pci, CAP_PCI);
    if (p->pci && (a->function < p->pci->base || a->function - p->pci->base >= p->pci->count))
        return ERR_BAD_ARG;
    if (place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!p->pci || place == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!(p->pci->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (kinfo_get()->iommu == IOMMU_NONE)
        return ERR_NO_DEVICE;
    if (function_info(a->function)->state == DEVICE_KERNEL)
        return ERR_BAD_STATE;
    return function_info(a->function)->state == DEVICE_OPEN ? ERR_IN_USE : place;
}

int sys_device_open(struct thread *caller, const struct sys_device_open_args *a, word_t *result)
{
    struct open_plan p;
    enum err e = check_open(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_DEVICE, caller->env->number, CAP_DEVICE);
    device_begin(p.place.base, p.pci, a->function);
    return ERR_OK;
}

int sys_device_config_read(struct thread *caller, const struct sys_device_config_read_args *a,
                           word_t *result)
{
    struct cap *cap;
    const struct device *d = find_device(caller->env, a->device, &cap);

    if (a->offset >= 256 || a->offset % 4)
        return ERR_BAD_ARG;
    if (!d)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_READ))
        return ERR_NO_RIGHT;
    *result = function_config(d->function, a->offset);
    return ERR_OK;
}

struct window_plan {
    struct cap *device, *dst;
    pfn_t base;
};

/* The first frame of the pages of a range, if they are all in it. */
static enum err check_pages(const struct device *d, const struct sys_device_window_args *a,
                            pfn_t *base)
{
    if (a->bar >= DEVICE_BARS)
        return ERR_BAD_ARG;
    struct pci_range range = function_range(d->function, a->bar);
    uint64_t pages = (range.bytes + PAGE_SIZE - 1) >> PAGE_BITS;
    if (a->count == 0 || a->page > pages || a->count > pages - a->page)
        return ERR_BAD_ARG;
    *base = (pfn_t)(range.base >> PAGE_BITS) + a->page;
    return ERR_OK;
}

/* Do the pages hold this function's registers alone, and none of the kernel's? */
static bool may_show(const struct device *d, const struct sys_device_window_args *a)
{
    struct pci_range range = function_range(d->function, a->bar);

    return range.base % PAGE_SIZE == 0 && range.bytes % PAGE_SIZE == 0 &&
           !function_holds_messages(d->function, a->bar, (uint64_t)a->page << PAGE_BITS,
                                    (uint64_t)a->count << PAGE_BITS);
}

static enum err check_window(const struct env *e, const struct sys_device_window_args *a,
                             struct window_plan *p)
{
    const struct device *d = find_device(e, a->device, &p->device);
    enum err slot = cap_free_slot(e, a->dst, &p->dst);

    if (slot == ERR_BAD_ARG || (d && check_pages(d, a, &p->base) != ERR_OK))
        return ERR_BAD_ARG;
    if (!d)
        return ERR_BAD_CAP;
    if (!(p->device->rights & RIGHT_READ) || !may_show(d, a))
        return ERR_NO_RIGHT;
    return slot;
}

int sys_device_window(struct thread *caller, const struct sys_device_window_args *a, word_t *result)
{
    struct window_plan p;
    enum err e = check_window(caller->env, a, &p);

    if (e != ERR_OK)
        return (int)e;
    cap_make(p.dst, p.device, CAP_WINDOW, p.device->rights & WINDOW_RIGHTS, p.base, a->count, 0);
    *result = p.base;
    return ERR_OK;
}

struct io_table_plan {
    struct object_place place;
    struct device *device;
    iopte_t *entry;
    unsigned level; /* of the new table */
};

static enum err check_table(const struct env *e, const struct sys_device_table_args *a,
                            struct io_table_plan *p)
{
    struct cap *cap;
    enum err place = object_check(e, a->region, a->base, TABLE_FRAMES, SLOT_NONE, false, &p->place);

    p->device = find_device(e, a->device, &cap);
    if (a->address >= DEVICE_ADDRESS_TOP || place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!p->device || place == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    for (p->level = arch_iommu_levels() - 1; p->level >= 1; p->level--) {
        p->entry = io_entry(device_root(p->device), a->address, p->level + 1);
        if (!arch_iopte_present(*p->entry))
            return place;
    }
    return ERR_IN_USE;
}

int sys_device_table(struct thread *caller, const struct sys_device_table_args *a, word_t *result)
{
    struct io_table_plan p;
    enum err e = check_table(caller->env, a, &p);

    if (e != ERR_OK)
        return (int)e;
    uint16_t owner = frame_of(frame_number(p.device))->owner;
    frame_take(p.place.base, TABLE_FRAMES, FRAME_IO_TABLE, owner, 0);
    io_table_show(p.entry, &p.place.region->node, p.place.base, p.level);
    env_by_number[owner]->info->frames += TABLE_FRAMES;
    arch_iommu_filled(device_domain(p.device));
    *result = p.level;
    return ERR_OK;
}

static bool is_span(uint64_t address, uint32_t count)
{
    return count >= 1 && count <= DEVICE_MAP_MAX && address % PAGE_SIZE == 0 &&
           address < DEVICE_ADDRESS_TOP &&
           (uint64_t)count << PAGE_BITS <= DEVICE_ADDRESS_TOP - address;
}

static iopte_t *leaf_of(const struct device *d, uint64_t address, uint32_t page)
{
    return io_entry(device_root(d), address + ((uint64_t)page << PAGE_BITS), 1);
}

struct map_plan {
    struct device *device;
    struct cap *frames;
};

/* Asks for each page; tables are asked for before what they hold. */
static enum err check_leaves(const struct device *d, const struct sys_device_map_args *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (!leaf_of(d, a->address, i))
            return ERR_NO_TABLE;
    for (uint32_t i = 0; i < a->count; i++)
        if (arch_iopte_present(*leaf_of(d, a->address, i)) ||
            frame_of(a->first + i)->pins == PINS_MAX)
            return ERR_IN_USE;
    return ERR_OK;
}

static enum err check_map(const struct env *e, const struct sys_device_map_args *a,
                          struct map_plan *p)
{
    struct cap *cap, *frames = cap_find(e, a->frames, CAP_FRAMES);

    p->device = find_device(e, a->device, &cap);
    p->frames = frames;
    if (!is_span(a->address, a->count) || a->rights == 0 || (a->rights & ~DMA_RIGHTS))
        return ERR_BAD_ARG;
    if (frames && (a->first < frames->base || a->count > frames->count ||
                   a->first - frames->base > frames->count - a->count))
        return ERR_BAD_ARG;
    if (!p->device || !frames)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE) || (a->rights & ~(rights_t)frames->rights))
        return ERR_NO_RIGHT;
    return check_leaves(p->device, a);
}

int sys_device_map(struct thread *caller, const struct sys_device_map_args *a, word_t *result)
{
    struct map_plan p;
    enum err e = check_map(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    for (uint32_t i = 0; i < a->count; i++)
        io_show(leaf_of(p.device, a->address, i), p.frames, a->first + i, a->rights);
    arch_iommu_filled(device_domain(p.device));
    device_enable(p.device);
    return ERR_OK;
}

static enum err check_unmap(const struct env *e, const struct sys_device_unmap_args *a,
                            struct device **d)
{
    struct cap *cap;

    *d = find_device(e, a->device, &cap);
    if (!is_span(a->address, a->count))
        return ERR_BAD_ARG;
    if (!*d)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    for (uint32_t i = 0; i < a->count; i++) {
        const iopte_t *entry = leaf_of(*d, a->address, i);
        if (!entry || !arch_iopte_present(*entry))
            return ERR_NOT_BOUND;
    }
    return ERR_OK;
}

int sys_device_unmap(struct thread *caller, const struct sys_device_unmap_args *a, word_t *result)
{
    struct device *d;
    enum err e = check_unmap(caller->env, a, &d);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    for (uint32_t i = 0; i < a->count; i++)
        io_drop(io_node(leaf_of(d, a->address, i)));
    arch_iommu_flush(device_domain(d));
    return ERR_OK;
}

struct interrupt_plan {
    struct device *device;
    struct cap *target; /* none: unbind */
    struct node *node;
};

static enum err check_interrupt(const struct env *e, const struct sys_device_interrupt_args *a,
                                struct interrupt_plan *p)
{
    bool binds = a->notification != SLOT_NONE, message = a->vector != DEVICE_FAULT_VECTOR;
    struct cap *cap;

    p->device = find_device(e, a->device, &cap);
    p->target = cap_find(e, a->notification, CAP_NOTIFICATION);
    p->node = p->device ? device_vector(p->device, a->vector) : NULL;
    if ((binds && !a->bits) || a->cpu >= (binds && message ? cpu_count : 1) ||
        (p->device && !p->node))
        return ERR_BAD_ARG;
    if (!p->device || (binds && !p->target))
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE) || (binds && !(p->target->rights & RIGHT_WRITE)))
        return ERR_NO_RIGHT;
    return binds && p->node->parent ? ERR_IN_USE : ERR_OK;
}

int sys_device_interrupt(struct thread *caller, const struct sys_device_interrupt_args *a,
                         word_t *result)
{
    struct interrupt_plan p;
    enum err e = check_interrupt(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    if (p.target)
        return device_bind(p.device, a->vector, p.target, a->bits, a->cpu) ? ERR_OK : ERR_NO_MEM;
    if (p.node->parent)
        device_unbind(p.device, p.node);
    return ERR_OK;
}

int sys_device_faults(struct thread *caller, const struct sys_device_faults_args *a, word_t *result)
{
    struct cap *cap;
    struct device *d = find_device(caller->env, a->device, &cap);

    if (!d)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    *result = device_ask_faults(d);
    return ERR_OK;
}
