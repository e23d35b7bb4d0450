/* Making the L4 root task. */
#include "libos/servers/l4_root.h"

#include <l4/syscalls.h>
#include <l4/types.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/kip.h"
#include "exo/abi/utcb.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/elf.h"
#include "libos/error.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/servers/boot_modules.h"
#include "libos/slots.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/vm.h"

#define KIP_AREA       0xbff00000ul /* as L4Ka::Pistachio has them for amd64 */
#define UTCB_AREA      0xbf000000ul
#define KIP_AREA_LOG2  12u
#define UTCB_AREA_LOG2 23u /* 2,048 threads */
#define PRIORITY       255u
#define KMEM_FRACTION  8u
#define WATCH_BIT      1u
#define RIGHTS         (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)
#define NAME           0x6b736174206c34ul /* "l4 task" */

/* What is known while it is being made. */
struct plan {
    struct archive_entry file;
    struct elf_program elf;
    slot_t image, thread;
    pfn_t image_first, utcb;
    uint32_t pages;
};

bool l4_root_is_wanted(void)
{
    char line[CMDLINE_MAX];

    memcpy(line, KINFO->cmdline, sizeof line);
    line[sizeof line - 1] = '\0';
    for (const char *at = line; *at; at++)
        if ((at == line || at[-1] == ' ') && !strncmp(at, "exec-l4", 7) &&
            (at[7] == ' ' || at[7] == '\0'))
            return true;
    return false;
}

static const char *check(const struct archive *a, struct plan *plan)
{
    const struct elf_program *elf = &plan->elf;

    if (archive_find(a, L4_TASK, &plan->file))
        return "the boot archive has no root task";
    if (elf_read(plan->file.data, plan->file.bytes, &plan->elf))
        return "not a complete ELF program for x86-64";
    if (elf->movable || elf->interpreted)
        return "not a static program: link it with -static -no-pie";
    if (elf->low < PAGE_SIZE || elf->high > UTCB_AREA)
        return "linked outside of 0x1000 to 0xbf000000";
    plan->pages = (uint32_t)((elf->high - elf->low) / PAGE_SIZE);
    return NULL;
}

/* Fills frames with the program. Its link addresses are its own: no memory that is physically there
 * is given to it by sigma0. */
static enum err load(struct plan *plan)
{
    const struct elf_program *elf = &plan->elf;
    vaddr_t window = 0;
    enum err e = region_withhold((pfn_t)(elf->low >> PAGE_BITS), plan->pages);

    if (e == ERR_OK)
        e = region_frames(plan->pages, &plan->image, &plan->image_first);
    if (e == ERR_OK)
        e = vm_map_frames(plan->image, plan->image_first, plan->pages, &window,
                          RIGHT_READ | RIGHT_WRITE);
    if (e)
        return e;
    memset((void *)window, 0, plan->pages * PAGE_SIZE);
    for (vaddr_t va = elf->low; va < elf->high; va += PAGE_SIZE)
        elf_fill_page(elf, plan->file.data, va, (void *)(window + (va - elf->low)));
    return vm_unmap(window, plan->pages * PAGE_SIZE);
}

static enum err make_space(struct plan *plan, struct l4_root *root)
{
    const struct elf_program *elf = &plan->elf;
    enum err e = spawn_env(&root->env, &root->number);

    if (e)
        return e;
    e = spawn_tables(root->env, elf->low, elf->high);
    for (uint32_t i = 0; i < plan->pages && e == ERR_OK; i++)
        if (elf_page_rights(elf, elf->low + i * PAGE_SIZE)) /* else a hole between segments */
            e = spawn_bind(root->env, plan->image, elf->low + i * PAGE_SIZE, plan->image_first + i,
                           1, RIGHTS);
    return e;
}

/* Memory for its tasks' objects: spaces, threads, page tables. */
static enum err lend_memory(const struct l4_root *root)
{
    const struct region_run run = region_longest();
    const uint32_t count = (run.end - run.first) / KMEM_FRACTION;
    slot_t slot;
    pfn_t first;
    enum err e = slot_take(&slot);

    if (e == ERR_OK)
        e = region_promise(count, &first);
    if (e == ERR_OK)
        e = exo_cap_copy(SLOT_ENV, slot, SLOT_MEMORY, RIGHT_ALL, first, count);
    if (e == ERR_OK)
        e = exo_env_kmem(root->env, slot);
    if (e == ERR_OK)
        exo_kip_memory(SLOT_MACHINE, (word_t)first << PAGE_BITS,
                       (word_t)(first + count) << PAGE_BITS, KIP_MEMORY_RESERVED);
    return e;
}

/* Its first thread, with sigma0's as pager. */
static enum err make_thread(struct plan *plan, struct l4_root *root)
{
    const word_t pager = *book_tcr(TCR_GLOBAL_ID);
    vaddr_t window = 0;
    slot_t frames;
    pfn_t frame;
    enum err e = region_frames(1, &frames, &plan->utcb);

    if (e == ERR_OK)
        e = vm_map_frames(frames, plan->utcb, 1, &window, RIGHT_READ | RIGHT_WRITE);
    if (e)
        return e;
    memset((void *)window, 0, PAGE_SIZE);
    e = spawn_tables(root->env, UTCB_AREA, UTCB_AREA + PAGE_SIZE);
    if (e == ERR_OK)
        e = spawn_bind(root->env, frames, UTCB_AREA, plan->utcb, 1, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = slot_take(&plan->thread);
    if (e == ERR_OK)
        e = region_find(1, &frame);
    if (e == ERR_OK)
        e = exo_thread_create_get(root->env, SLOT_MEMORY, frame, UTCB_AREA, L4_ROOT_NUMBER,
                                  plan->thread, &root->thread_id);
    if (e == ERR_OK)
        e = exo_thread_place(plan->thread, SLOT_CPU, (uint32_t)*book_tcr(TCR_PROCESSOR), PRIORITY);
    ((volatile word_t *)(window + UTCB_MR))[TCR_PAGER] = pager;
    vm_unmap(window, PAGE_SIZE);
    return e;
}

static enum err give_rights(struct l4_root *root)
{
    const L4_ThreadId_t id = {.raw = root->thread_id};
    enum err e = exo_env_privilege(root->env, SLOT_MACHINE);

    if (e == ERR_OK)
        e = notify_new(&root->watch);
    if (e == ERR_OK)
        e = exo_env_watch(root->env, root->watch, WATCH_BIT);
    exo_env_name(root->env, NAME, 0);
    if (e == ERR_OK &&
        (!L4_SpaceControl(id, 0, L4_FpageLog2(KIP_AREA, KIP_AREA_LOG2),
                          L4_FpageLog2(UTCB_AREA, UTCB_AREA_LOG2), L4_nilthread, NULL) ||
         !L4_ThreadControl(id, id, id, L4_nilthread, (void *)~(L4_Word_t)0)))
        e = ERR_BAD_STATE;
    return e;
}

/* What a boot loader says of it in the kernel interface page. */
static void describe(const struct plan *plan, uint64_t boot_info)
{
    const uint32_t server = offsetof(struct kip, root);

    exo_kip_set(SLOT_MACHINE, server + 8 * KIP_SERVER_IP, plan->elf.entry);
    exo_kip_set(SLOT_MACHINE, server + 8 * KIP_SERVER_LOW, plan->elf.low);
    exo_kip_set(SLOT_MACHINE, server + 8 * KIP_SERVER_HIGH, plan->elf.high);
    exo_kip_set(SLOT_MACHINE, offsetof(struct kip, boot_info), boot_info);
    exo_kip_memory(SLOT_MACHINE, plan->elf.low, plan->elf.high, KIP_MEMORY_RESERVED);
}

const char *l4_root_start(const struct archive *a, struct l4_root *root)
{
    struct plan plan = {.pages = 0};
    const char *why = check(a, &plan);
    uint64_t boot_info;

    *root = (struct l4_root){0};
    if (why)
        return why;
    enum err e = load(&plan);
    if (e == ERR_OK)
        e = boot_modules_load(a, &boot_info);
    if (e == ERR_OK)
        e = make_space(&plan, root);
    if (e == ERR_OK)
        e = make_thread(&plan, root);
    if (e == ERR_OK)
        e = lend_memory(root);
    if (e == ERR_OK)
        e = give_rights(root);
    if (e == ERR_OK) {
        describe(&plan, boot_info);
        e = exo_thread_start(plan.thread, plan.elf.entry, 0, 0);
    }
    return e ? error_text(e) : NULL;
}

void l4_root_wait(const struct l4_root *root)
{
    notify_until(root->watch, WATCH_BIT, FOREVER, NULL);
    const struct env_info env = book_env_read(root->number);
    if (env.death)
        log_error_line("exo4: the root task ended by exception %u at %lx, address %lx",
                       env.death - 1, env.death_ip, env.death_addr);
    else
        log_error_line("exo4: the root task ended");
}
