/* Boot modules, copied out of the archive, and the generic boot information about them. */
#include "libos/servers/boot_modules.h"

#include <l4/bootinfo.h>

#include "exo/abi/kip.h"
#include "libos/call.h"
#include "libos/elf.h"
#include "libos/heap.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/vm.h"

#define PIECES_MAX 64u /* modules, and the information */
#define NAME_MAX   32u

/* Frames that lie at the same addresses here as in physical memory. */
static struct piece {
    pfn_t first;
    uint32_t count;
    bool *given; /* [count] */
} pieces[PIECES_MAX];
static uint32_t piece_count;

static struct piece *piece_of(pfn_t pfn, uint32_t count)
{
    for (struct piece *p = pieces; p < pieces + piece_count; p++)
        if (pfn >= p->first && pfn - p->first < p->count && count <= p->count - (pfn - p->first))
            return p;
    return NULL;
}

bool boot_modules_take(pfn_t pfn, uint32_t count)
{
    const struct piece *p = piece_of(pfn, count);

    for (uint32_t i = 0; p && i < count; i++)
        if (p->given[pfn - p->first + i])
            return false;
    if (p)
        memset(p->given + (pfn - p->first), true, count);
    return p;
}

void boot_modules_give_back(pfn_t pfn, uint32_t count)
{
    const struct piece *p = piece_of(pfn, count);

    if (p)
        memset(p->given + (pfn - p->first), false, count);
}

/* Cleared memory for `bytes` that will be given by its address. */
static enum err keep(size_t bytes, void **memory)
{
    const uint32_t count = (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
    struct piece p = {.count = count ? count : 1};
    slot_t slot;

    p.given = heap_alloc_zero(p.count, sizeof *p.given);
    if (piece_count == PIECES_MAX || !p.given)
        return ERR_NO_MEM;
    enum err e = region_frames(p.count, &slot, &p.first);
    vaddr_t va = (vaddr_t)p.first << PAGE_BITS;
    if (e == ERR_OK)
        e = vm_map_frames(slot, p.first, p.count, &va, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
    if (e == ERR_OK)
        e = vm_populate(va, p.count * PAGE_SIZE);
    if (e)
        return e;
    memset((void *)va, 0, p.count * PAGE_SIZE);
    exo_kip_memory(SLOT_MACHINE, va, va + p.count * PAGE_SIZE, KIP_MEMORY_LOADER);
    pieces[piece_count++] = p;
    *memory = (void *)va;
    return ERR_OK;
}

/* The information while it is written: records, each with its command line behind it. */
struct writer {
    uint8_t *memory;
    size_t used;
    L4_BootRec_t *last;
    L4_Word_t count;
};

static size_t record_bytes(size_t bytes, const char *line)
{
    return (bytes + strlen(line) + 1 + 7) & ~(size_t)7;
}

static void add_record(struct writer *w, const void *record, size_t bytes, const char *line)
{
    L4_BootRec_t *at = (L4_BootRec_t *)(void *)(w->memory + w->used);

    memcpy(at, record, bytes);
    memcpy((uint8_t *)at + bytes, line, strlen(line) + 1);
    at->version = 1;
    at->offset_next = 0;
    if (w->last)
        w->last->offset_next = (L4_Word_t)at - (L4_Word_t)w->last;
    w->last = at;
    w->count++;
    w->used += record_bytes(bytes, line);
}

/* The root task: all its segments count as text. */
static void add_task(struct writer *w, const struct archive *a, const char *line)
{
    L4_Boot_SimpleExec_t task = {.type = L4_BootInfo_SimpleExec, .cmdline_offset = sizeof task};
    struct archive_entry file;
    struct elf_program elf;

    if (archive_find(a, L4_TASK, &file) || elf_read(file.data, file.bytes, &elf))
        return; /* it cannot be started, and who starts it says why */
    task.text_pstart = task.text_vstart = elf.low;
    task.text_size = elf.high - elf.low;
    task.initial_ip = elf.entry;
    add_record(w, &task, sizeof task, line);
}

static enum err add_module(struct writer *w, const struct archive *a, uint32_t number,
                           const char *line)
{
    L4_Boot_Module_t module = {.type = L4_BootInfo_Module, .cmdline_offset = sizeof module};
    struct archive_entry file;
    char name[NAME_MAX];
    void *memory;

    print_format(name, sizeof name, L4_MODULE, number);
    if (archive_find(a, name, &file))
        return ERR_BAD_ARG;
    enum err e = keep(file.bytes, &memory);
    if (e)
        return e;
    memcpy(memory, file.data, file.bytes);
    module.start = (L4_Word_t)memory;
    module.size = file.bytes;
    add_record(w, &module, sizeof module, line);
    return ERR_OK;
}

enum err boot_modules_load(const struct archive *a, uint64_t *boot_info)
{
    struct writer w = {.used = sizeof(L4_BootInfo_t)};
    size_t bytes = sizeof(L4_BootInfo_t);
    const char **lines;
    uint32_t count = 0;
    void *memory;
    enum err e = archive_words(a, L4_LINES, &lines);

    for (; e == ERR_OK && lines[count]; count++)
        bytes += record_bytes(sizeof(L4_Boot_SimpleExec_t), lines[count]);
    if (e == ERR_OK)
        e = keep(bytes, &memory);
    if (e)
        return e;
    w.memory = memory;
    if (count)
        add_task(&w, a, lines[0]);
    for (uint32_t i = 1; i < count && e == ERR_OK; i++)
        e = add_module(&w, a, i - 1, lines[i]);
    L4_BootInfo_t *info = memory;
    info->magic = L4_BOOTINFO_MAGIC;
    info->version = L4_BOOTINFO_VERSION;
    info->size = w.used;
    info->first_entry = sizeof *info;
    info->num_entries = w.count;
    *boot_info = (uint64_t)memory;
    return e;
}
