/* The port of the personality core to a family's processes and its keeper. */
#include "libos-posix/port.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/family/keeper.h"
#include "libos-posix/family/member.h"
#include "libos-posix/family/patch.h"
#include "libos-posix/family/space.h"
#include "libos-posix/family/way.h"
#include "libos-posix/port/port_libos.h"
#include "libos-posix/way/quick.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/task.h"
#include "libos-posix/way/way_trampoline.h"
#include "libos/book.h"
#include "libos/log.h"

#define WORD_TASK 0u /* of a port_task: 1 + its number in the family */

static const struct port_layout layout = {
    .program_low = 0x10000,
    .program_high = 0x200000000000,
    .map_low = 0x100000000000,
    .map_high = 0x200000000000,
    .core_low = FAMILY_CORE,
    .core_high = FAMILY_END,
};

static uint64_t started, idle; /* ticks, of this process; 0: it began with the system */
static uint64_t idle_since;    /* when a thread last went to sleep */
static uint32_t awake = 1;     /* threads that do not sleep */

/* The last thread that goes to sleep begins a pause of the process, the first that wakes ends it.
 * Of threads that meet here a pause may be told too short, never too long: so its begin is written
 * before the count says that all sleep, and read after the count says that somebody does not. */
static void thread_rests(void)
{
    __atomic_store_n(&idle_since, cpu_ticks(), __ATOMIC_RELEASE);
    __atomic_sub_fetch(&awake, 1, __ATOMIC_ACQ_REL);
}

static void thread_goes_on(void)
{
    if (__atomic_fetch_add(&awake, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    uint64_t since = __atomic_load_n(&idle_since, __ATOMIC_ACQUIRE), now = cpu_ticks();
    if (now > since)
        idle += now - since;
}

const struct port_layout *port_layout(void)
{
    return &layout;
}

struct task *port_self(void)
{
    return (struct task *)member_place()->core;
}

void port_set_self(struct task *self)
{
    member_place()->core = (vaddr_t)self;
    quick_set(self);
    self->port.words[WORD_TASK] = 1 + member_place()->task;
}

static bool is_keeper(void)
{
    return member_place()->member == TASK_NONE;
}

static void abort_exhausted(void)
{
    log_kernel_line("posix: a process is ended: no memory is left");
    member_abort();
}

void port_sleep(uint64_t deadline_ns, bool console)
{
    (void)console; /* there is a keeper */
    thread_rests();
    member_sleep(port_libos_ticks(deadline_ns));
    thread_goes_on();
}

void port_wake(struct task *task)
{
    if (task->port.words[WORD_TASK])
        member_wake((uint32_t)task->port.words[WORD_TASK] - 1);
}

bool port_core_extend(vaddr_t va, size_t bytes)
{
    return (is_keeper() ? keeper_extend(va, bytes) : member_request(REQUEST_EXTEND, va, bytes)) ==
           ERR_OK;
}

vaddr_t port_door(void)
{
    return (vaddr_t)way_door;
}

extern const uint8_t vdso_image[PAGE_SIZE] __attribute__((visibility("hidden")));

const void *port_vdso(void)
{
    return vdso_image;
}

bool port_has_keeper(void)
{
    return true;
}

static long error_number(enum err e)
{
    return e == ERR_BAD_STATE ? -EAGAIN : -ENOMEM;
}

bool port_can_lend(void)
{
    return true;
}

vaddr_t port_get_fs(void)
{
    return cpu_fs();
}

_Noreturn void port_go_on(const struct posix_regs *regs, const uint8_t *vectors)
{
    way_go_on(regs, vectors);
}

/* What is each process' own of the port begins anew. */
static void begin_process(const void *program)
{
    started = cpu_ticks();
    idle = 0;
    awake = 1;
    if (program) {
        space_renew();
        patch_forget(0, FAMILY_SHARED);
    }
    way_begin_quick();
}

long port_fork(struct task *child, const void *program)
{
    enum err e = ERR_OK;
    uint32_t task;
    int side = member_fork((vaddr_t)child, (word_t)program, &task, &e);

    if (side < 0)
        return error_number(e);
    if (side > 0) {
        child->port.words[WORD_TASK] = 1 + task;
        return 1;
    }
    begin_process(program);
    return 0;
}

bool port_renew(const void *program)
{
    struct task *self = port_self();
    enum err e;
    uint32_t task;

    if (member_fork((vaddr_t)self, (word_t)program | FORK_MOVE, &task, &e))
        return false;
    self->port.words[WORD_TASK] = 1 + member_place()->task;
    begin_process(program);
    return true;
}

void port_settle(void)
{
    space_settle();
}

long port_thread_start(struct task *task, const struct posix_regs *regs, vaddr_t fs_base)
{
    const struct way_start start __attribute__((aligned(256))) = {*regs, fs_base};
    uint32_t made;
    enum err e = member_thread((vaddr_t)task, way_begin_thread, &start, &made);

    if (e)
        return error_number(e);
    task->port.words[WORD_TASK] = 1 + made;
    __atomic_add_fetch(&awake, 1, __ATOMIC_ACQ_REL);
    return 0;
}

_Noreturn void port_thread_end(void)
{
    thread_rests();
    member_thread_end();
}

_Noreturn void port_process_end(void)
{
    member_end();
}

bool port_show(vaddr_t va, const void *core, size_t bytes, rights_t rights)
{
    return space_show(va, (vaddr_t)core, bytes, rights);
}

static const void *look(const void *file, uint64_t index, size_t *bytes)
{
    return posix_page(file, index, bytes);
}

bool port_lend(vaddr_t va, size_t bytes, rights_t rights, const void *file, uint64_t index)
{
    if (space_look != look) /* the first process */
        space_look = look;
    return space_lend(va, bytes, rights, file, index);
}

/* Memory is taken at first use, so that only what could never be had is refused here. */
bool port_map(vaddr_t va, size_t bytes, rights_t rights)
{
    if (rights && bytes > POOL->count * PAGE_SIZE)
        return false;
    return space_map(va, bytes, rights);
}

bool port_protect(vaddr_t va, size_t bytes, rights_t rights)
{
    return space_protect(va, bytes, rights);
}

void port_unmap(vaddr_t va, size_t bytes)
{
    patch_forget(va, bytes);
    if (!space_unmap(va, bytes)) /* an area has to be split, and there are too many */
        abort_exhausted();
}

void port_discard(vaddr_t va, size_t bytes)
{
    space_discard(va, bytes);
}

void port_memory_get(struct port_memory *out)
{
    out->total_bytes = POOL->count * PAGE_SIZE;
    out->free_bytes = (POOL->count - POOL->used) * PAGE_SIZE;
}

/* What the process did not wait it used, on however many processors. */
uint64_t port_cpu_ns(void)
{
    return port_libos_ns(cpu_ticks() - (started ? started : KINFO->tsc_boot) - idle);
}

unsigned port_processors(void)
{
    return KINFO->cpu_count;
}

/* Processes are begun by the loader alone, and the archive is unpacked by the keeper. */
void port_stack_get(vaddr_t *low, vaddr_t *high)
{
    *low = *high = 0;
}
