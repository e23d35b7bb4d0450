/* Boot modules, copied out of the archive, and the generic boot information about them. */
#include "libos/servers/boot_modules.h"

#include <l4/bootinfo.h>

#include "exo/abi/kip.h"
#include "libos/call.h"
#include "libos/elf.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/servers/kept.h"
#include "libos/string.h"

#define NAME_MAX 32u

/* Cleared memory for `bytes` that will be given by its address. */
static enum err keep(size_t bytes, void **memory)
{
    const uint32_t count = bytes ? (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE) : 1;
    slot_t slot;
    pfn_t first;
    enum err e = region_frames(count, &slot, &first);

    if (e == ERR_OK)
        e = kept_add(slot, first, count, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
    if (e)
        return e;
    vaddr_t va = (vaddr_t)first << PAGE_BITS;
    memset((void *)va, 0, count * PAGE_SIZE);
    exo_kip_memory(SLOT_MACHINE, va, va + count * PAGE_SIZE, KIP_MEMORY_LOADER);
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
