/* What guest tests share. */
#include "tests/qemu/guest.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/error.h"
#include "libos/exit.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/servers/program.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/upcall.h"
#include "libos/vm.h"

#define WAIT_NS ((uint64_t)20 * CLOCK_NS_PER_S) /* only a failure takes so long */

/* blobs.S */
#pragma GCC visibility push(hidden)
bool probe_enter(void (*run)(void *), void *argument);
void probe_recover(void);
extern uint64_t probe_sp;
#pragma GCC visibility pop

struct guest_fault guest_fault;
static bool probing;

static _Noreturn void give_up(const char *what, enum err e)
{
    log_line("Bail out! %s: %s", what, error_text(e));
    libos_exit(1);
}

static bool on_fault(struct libos_regs *regs)
{
    if (!probing)
        return false;
    guest_fault = (struct guest_fault){regs->frame.vector, regs->frame.error, regs->frame.address,
                                       regs->frame.ip};
    regs->frame.ip = (uint64_t)probe_recover;
    regs->frame.sp = probe_sp;
    return true;
}

void guest_begin(void)
{
    enum err e = libos_setup();

    if (e)
        give_up("libos_setup", e);
    libos_segv_hook = on_fault;
}

const struct archive *guest_archive(void)
{
    static struct archive archive;
    enum err e = archive.bytes ? ERR_OK : archive_map(&archive);

    if (e)
        give_up("archive_map", e);
    return &archive;
}

enum err guest_spawn(struct spawn_child *child, const char *program, const char *role,
                     uint32_t memory_frames, uint32_t cpu, uint32_t priority)
{
    const char *arguments[] = {program, role, NULL};
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE) | SPAWN_GIVE(SLOT_CPU),
                              .memory_frames = memory_frames,
                              .cpu = cpu,
                              .priority = priority};

    return program_start(guest_archive(), program, &args, child);
}

enum err guest_tables(slot_t env, vaddr_t va)
{
    enum err e = ERR_OK;

    for (uint32_t level = 3; level > 0 && (e == ERR_OK || e == ERR_IN_USE); level--) {
        pfn_t base;
        e = region_find(TABLE_FRAMES, &base);
        if (e == ERR_OK)
            e = exo_table_create(env, SLOT_MEMORY, base, va, level);
    }
    return e == ERR_IN_USE ? ERR_OK : e;
}

slot_t guest_slot(void)
{
    slot_t slot;
    enum err e = slot_take(&slot);

    if (e)
        give_up("slot_take", e);
    return slot;
}

slot_t guest_frames(uint32_t count, pfn_t *first)
{
    slot_t slot;
    enum err e = region_frames(count, &slot, first);

    if (e)
        give_up("region_frames", e);
    return slot;
}

enum err guest_bind(slot_t env, slot_t frames, vaddr_t va, pfn_t pfn, rights_t rights)
{
    struct page_entry entry = {va, pfn, rights};

    return exo_page_bind(env, frames, (vaddr_t)&entry, 1);
}

enum err guest_protect(slot_t env, vaddr_t va, rights_t rights)
{
    struct page_entry entry = {va, 0, rights};

    return exo_page_protect(env, (vaddr_t)&entry, 1);
}

enum err guest_unbind(slot_t env, vaddr_t va)
{
    struct page_entry entry = {va, 0, 0};

    return exo_page_unbind(env, (vaddr_t)&entry, 1);
}

void guest_sleep(uint64_t micros)
{
    static slot_t bell;

    if (!bell && notify_new(&bell))
        give_up("notify_new", ERR_NO_MEM);
    notify_until(bell, 1, clock_deadline(micros * 1000), NULL);
}

uint64_t guest_await(const volatile uint64_t *word, uint64_t least)
{
    for (unsigned i = 0; *word < least && i < 10000; i++)
        guest_sleep(500);
    return *word;
}

bool probe_run(void (*run)(void *), void *argument)
{
    probing = true;
    bool faulted = probe_enter(run, argument);
    probing = false;
    return faulted;
}

static void do_read(void *at)
{
    (void)*(volatile uint8_t *)at;
}

static void do_write(void *at)
{
    *(volatile uint8_t *)at = 1;
}

static void do_jump(void *at)
{
    void (*code)(void);

    memcpy(&code, &at, sizeof code);
    code();
}

bool probe_read(vaddr_t at)
{
    return probe_run(do_read, (void *)at);
}

bool probe_write(vaddr_t at)
{
    return probe_run(do_write, (void *)at);
}

bool probe_jump(vaddr_t at)
{
    return probe_run(do_jump, (void *)at);
}

static enum err raw_pages(struct raw *r, const char *code, size_t bytes)
{
    static const rights_t rights[RAW_PAGES] = {RIGHT_READ | RIGHT_EXEC, RIGHT_READ | RIGHT_WRITE,
                                               RIGHT_READ | RIGHT_WRITE, RIGHT_READ | RIGHT_WRITE};
    enum err e = vm_map_frames(r->frames, r->first, RAW_PAGES, &r->view, RIGHT_READ | RIGHT_WRITE);

    if (e == ERR_OK)
        e = guest_tables(r->env, RAW_CODE);
    if (e)
        return e;
    memset((void *)r->view, 0, RAW_PAGES * PAGE_SIZE);
    memcpy((void *)r->view, code, bytes);
    for (uint32_t i = 0; i < RAW_PAGES && e == ERR_OK; i++)
        e = guest_bind(r->env, r->frames, RAW_CODE + i * PAGE_SIZE, r->first + i, rights[i]);
    return e;
}

static enum err raw_thread(struct raw *r)
{
    slot_t slot = guest_slot();
    pfn_t frame;
    word_t id;
    enum err e = region_find(1, &frame);

    if (e == ERR_OK)
        e = exo_thread_create_get(r->env, SLOT_MEMORY, frame, RAW_UTCB, 0, slot, &id);
    if (e) {
        slot_give(slot);
        return e;
    }
    r->thread = slot;
    r->id = id;
    e = notify_new(&r->watch);
    return e ? e : exo_env_watch(r->env, r->watch, 1);
}

enum err raw_make(struct raw *r, const char *code, const char *end)
{
    *r = (struct raw){.env = SLOT_NONE};
    r->frames = guest_frames(RAW_PAGES, &r->first);
    enum err e = spawn_env(&r->env, &r->number);
    if (e) {
        raw_destroy(r);
        return e;
    }
    e = raw_pages(r, code, (size_t)(end - code));
    if (e == ERR_OK)
        e = raw_thread(r);
    if (e)
        raw_destroy(r);
    return e;
}

enum err raw_start(struct raw *r, uint64_t value)
{
    return exo_thread_start(r->thread, RAW_CODE, RAW_STACK_TOP, value);
}

enum err raw_wait(struct raw *r)
{
    return notify_until(r->watch, 1, clock_deadline(WAIT_NS), NULL);
}

void raw_destroy(struct raw *r)
{
    if (r->thread)
        slot_delete(r->thread);
    if (r->env)
        slot_delete(r->env);
    if (r->watch)
        slot_delete(r->watch);
    if (r->view)
        vm_unmap(r->view, RAW_PAGES * PAGE_SIZE);
    if (r->frames)
        region_give_frames(r->frames, r->first, RAW_PAGES);
    *r = (struct raw){0};
}

volatile uint64_t *raw_mr(const struct raw *r)
{
    return (volatile uint64_t *)(r->view + PAGE_SIZE + UTCB_MR);
}

volatile struct utcb_exo *raw_exo(const struct raw *r)
{
    return (volatile struct utcb_exo *)(r->view + PAGE_SIZE + UTCB_EXO);
}

volatile uint64_t *raw_data(const struct raw *r)
{
    return (volatile uint64_t *)(r->view + 3 * PAGE_SIZE);
}
