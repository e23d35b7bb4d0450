/* The first environment: sigma0, which lies in the kernel's image, with a capability for everything
 * that the kernel itself does not keep. The only program that the kernel loads. */
#include "bindings/cap.h"
#include "bindings/env_make.h"
#include "bindings/node.h"
#include "bindings/page.h"
#include "bindings/revoke.h"
#include "exo/abi/boot.h"
#include "exo/abi/elf.h"
#include "exo/arch/boot.h"
#include "exo/arch/cpu.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/boot_mem.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define SIGMA0_THREAD THREAD_FIRST
#define SLOT_DISPLAY  (CAPS_PER_FRAME - 16) /* slots of the first table behind those of others */

/* Ports of ISA devices that the kernel does not need and by which nobody reaches memory that is not
 * his: neither interrupt controllers, DMA controllers and PCI configuration, nor the third serial
 * port, which is the kernel's log. */
static const struct {
    uint16_t base, count;
} port_ranges[] = {
    {0x70, 2},      /* battery clock, which the kernel only reads at boot: SLOT_PORTS          */
    {0x40, 4},      /* interval timer, which it only reads at boot                             */
    {0x60, 5},      /* keyboard, speaker                                                       */
    {0x80, 1},      /* the one that nobody listens to, written to for a delay                  */
    {0xe9, 1},      /* debug console of emulators                                              */
    {0xf4, 4},      /* QEMU's way out                                                          */
    {0x100, 0x2e8}, /* disks, parallel ports, serial ports, displays                           */
    {0x3f0, 0x10},
};

static struct env *env;
static struct cap *memory; /* the largest region: everything below is made from it */
static struct cap *image;  /* the pages of sigma0, growing                         */

/* `count` frames at the front of what is left of the largest region. */
static pfn_t take(uint32_t count, enum frame_type type)
{
    pfn_t base = frame_find(memory->base, memory->base + memory->count, count);

    ASSERT(base != PFN_ANY);
    frame_take(base, count, type, SIGMA0, 0);
    return base;
}

/* Shows the next frame of the image at `va`, with the tables that needs. */
static uint8_t *show(vaddr_t va, pfn_t frame, rights_t rights)
{
    for (unsigned level = MMU_LEVELS - 1; level >= 1; level--) {
        pte_t *e = space_entry(env->root, va, level + 1);
        if (arch_pte_present(*e))
            continue;
        table_show(e, &memory->node, take(TABLE_FRAMES, FRAME_TABLE), level);
        env->info->frames += TABLE_FRAMES;
    }
    page_show(space_entry(env->root, va, 1), &image->node, frame, rights, PAGE_RIGHTS);
    return frame_memory(frame);
}

static rights_t segment_rights(const struct elf_program_header *s)
{
    return RIGHT_READ | (s->flags & ELF_WRITE ? RIGHT_WRITE : 0) |
           (s->flags & ELF_EXEC ? RIGHT_EXEC : 0);
}

static uint32_t segment_pages(const struct elf_program_header *s)
{
    return (uint32_t)((s->va % PAGE_SIZE + s->memory_bytes + PAGE_SIZE - 1) >> PAGE_BITS);
}

/* Copies a segment's bytes into pages from `frame` on; what the file lacks stays zero. */
static void load_segment(const uint8_t *file, const struct elf_program_header *s, pfn_t frame)
{
    vaddr_t first = s->va & ~(PAGE_SIZE - 1);
    uint8_t *at = frame_memory(frame);

    for (uint32_t i = 0; i < segment_pages(s); i++)
        show(first + i * PAGE_SIZE, frame + i, segment_rights(s));
    const size_t whole = s->file_bytes / sizeof(word_t);
    at += s->va % PAGE_SIZE;
    arch_copy_words(at, file + s->offset, whole);
    memcpy(at + whole * sizeof(word_t), file + s->offset + whole * sizeof(word_t),
           s->file_bytes % sizeof(word_t));
}

/* Loads all segments; `info` learns where they lie. Returns the entry. */
static vaddr_t load(pfn_t frame, struct startinfo *info)
{
    size_t bytes;
    const uint8_t *file = arch_initial_program(&bytes);
    const struct elf_header *h = (const void *)file;
    const struct elf_program_header *s = (const void *)(file + h->segments);

    info->image_low = USER_TOP;
    for (unsigned i = 0; i < h->segment_count; i++) {
        if (s[i].type != ELF_LOAD || s[i].memory_bytes == 0)
            continue;
        vaddr_t low = s[i].va & ~(PAGE_SIZE - 1);
        vaddr_t high = low + ((vaddr_t)segment_pages(&s[i]) << PAGE_BITS);
        load_segment(file, &s[i], frame);
        frame += segment_pages(&s[i]);
        info->image_low = low < info->image_low ? low : info->image_low;
        info->image_high = high > info->image_high ? high : info->image_high;
    }
    return h->entry;
}

static uint32_t image_frames(void)
{
    size_t bytes;
    const uint8_t *file = arch_initial_program(&bytes);
    const struct elf_header *h = (const void *)file;
    const struct elf_program_header *s = (const void *)(file + h->segments);
    uint32_t count = 0;

    ASSERT(bytes > sizeof *h && elf_is_native(h));
    for (unsigned i = 0; i < h->segment_count; i++)
        if (s[i].type == ELF_LOAD && s[i].memory_bytes)
            count += segment_pages(&s[i]);
    return count;
}

static struct cap *give(slot_t slot, enum cap_kind kind, rights_t rights, uint32_t base,
                        uint32_t count)
{
    struct cap *c = cap_slot(env, slot);

    cap_make(c, NULL, kind, rights, base, count, 0);
    return c;
}

/* One capability for each range of free memory: the largest in SLOT_MEMORY. */
static void give_regions(const struct boot_range *r, unsigned count, unsigned largest)
{
    slot_t next = SLOT_FREE;

    for (unsigned i = 0; i < count; i++) {
        slot_t slot = i == largest ? SLOT_MEMORY : next++;
        struct cap *c = give(slot, CAP_REGION, RIGHT_ALL, (pfn_t)(r[i].base >> PAGE_BITS),
                             (uint32_t)((r[i].end - r[i].base) >> PAGE_BITS));
        if (i == largest)
            memory = c;
    }
    kinfo_get()->region_count = count;
}

/* The first range in SLOT_PORTS, the others at the end of the first table. */
static void give_ports(void)
{
    const rights_t rwg = RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT;

    for (unsigned i = 0; i < sizeof port_ranges / sizeof port_ranges[0]; i++)
        give(i ? CAPS_PER_FRAME - i : SLOT_PORTS, CAP_PORTS, rwg, port_ranges[i].base,
             port_ranges[i].count);
}

static void give_devices(void)
{
    const struct boot_info *boot = boot_info_get();
    rights_t rwg = RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT;

    give(SLOT_CPU, CAP_CPU, RIGHT_ALL, 0, cpu_count);
    give(SLOT_CONSOLE, CAP_CONSOLE, rwg, 0, 1);
    give(SLOT_MACHINE, CAP_MACHINE, rwg, 0, 1);
    give(SLOT_INSPECT, CAP_INSPECT, rwg, 0, 1);
    give(SLOT_NIC, CAP_NIC, rwg, 0, 1); /* without a card its use is NO_DEVICE */
    give(SLOT_IRQ, CAP_IRQ, rwg, 0, IRQ_LINES);
    paddr_t display, bytes = arch_display_memory(&display);
    if (bytes)
        give(SLOT_DISPLAY, CAP_WINDOW, rwg, (pfn_t)(display >> PAGE_BITS),
             (uint32_t)(bytes >> PAGE_BITS));
    const struct kinfo *k = kinfo_get();
    give(SLOT_PCI, CAP_PCI, rwg, 0, k->device_count);
    give(SLOT_DISK, CAP_EXTENT, k->disk_read_only ? RIGHT_READ | RIGHT_GRANT : rwg, 0,
         k->disk_blocks); /* without a disk it is empty, and its use NO_DEVICE */
    if (boot->archive_bytes)
        give(SLOT_ARCHIVE, CAP_FRAMES, RIGHT_READ | RIGHT_GRANT,
             (pfn_t)(boot->archive_base >> PAGE_BITS),
             (uint32_t)((boot->archive_bytes + boot->archive_base % PAGE_SIZE + PAGE_SIZE - 1) >>
                        PAGE_BITS));
}

static unsigned find_largest(const struct boot_range *r, unsigned count)
{
    unsigned largest = 0;

    for (unsigned i = 1; i < count; i++)
        if (r[i].end - r[i].base > r[largest].end - r[largest].base)
            largest = i;
    ASSERT(count > 0);
    return largest;
}

/* The env lies at the front of the largest region, so that its capability table can hold the
 * capability for that region. */
static void make_env(void)
{
    const struct boot_range *r;
    unsigned count = boot_mem_rest(&r), largest = find_largest(r, count);
    struct object_place p = {.base = (pfn_t)(r[largest].base >> PAGE_BITS), .count = ENV_FRAMES};

    frame_take(p.base, ENV_FRAMES, FRAME_ENV, SIGMA0, 0);
    env = env_make(&p, SIGMA0, 0);
    give_regions(r, count, largest);
    give_ports();
    cap_make(cap_slot(env, SLOT_ENV), memory, CAP_ENV, RIGHT_ALL, p.base, ENV_FRAMES, 0);
    give_devices();
    memcpy(env->info->name, "sigma0", 7);
    env->privileged = true;
}

static struct thread *make_thread(void)
{
    pfn_t frame = take(1, FRAME_THREAD);
    pte_t *utcb = space_entry(env->root, START_UTCB, 1);
    struct thread *t =
        thread_init(frame, SIGMA0_THREAD, env, arch_phys(arch_pte_address(*utcb)), START_UTCB);
    struct cap *c = cap_slot(env, SLOT_THREAD);

    cap_make(c, memory, CAP_THREAD, RIGHT_ALL, frame, 1, 0);
    frame_of(frame)->origin = node_name(&c->node);
    page_derive(utcb);
    node_link(entry_node(utcb), &t->utcb_node);
    return t;
}

void sigma0_init(void)
{
    make_env();
    uint32_t pages = image_frames() + 2 + START_STACK_PAGES;
    pfn_t frame = take(pages, FRAME_MEMORY);
    image = cap_slot(env, SLOT_IMAGE);
    cap_make(image, memory, CAP_FRAMES, RIGHT_ALL, frame, pages, 0);
    struct startinfo *info = (void *)show(START_INFO, frame, RIGHT_READ);
    show(START_UTCB, frame + 1, RIGHT_READ | RIGHT_WRITE);
    for (uint32_t i = 0; i < START_STACK_PAGES; i++)
        show(START_STACK + i * PAGE_SIZE, frame + 2 + i, RIGHT_READ | RIGHT_WRITE);
    info->magic = STARTINFO_MAGIC;
    vaddr_t entry = load(frame + 2 + START_STACK_PAGES, info);
    struct thread *t = make_thread();
    info->archive_bytes = boot_info_get()->archive_bytes;
    info->thread_id = t->global_id;
    info->memory_free = frame + pages;
    env->info->frames += pages + 1;
    thread_regs(t)->rip = entry;
    thread_regs(t)->rsp = START_STACK_TOP;
    thread_regs(t)->rdi = START_INFO;
    t->priority = t->guard = 255;
    thread_start(t);
}
