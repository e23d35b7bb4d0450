/* The port of the personality core to libos: memory, time and the end; the console is beside. */
#include "libos-posix/port/port_libos.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/port.h"
#include "libos-posix/port/port_libos_console.h"
#include "libos-posix/port_lend.h"
#include "libos-posix/way/quick.h"
#include "libos/book.h"
#include "libos/clock.h"
#include "libos/frames.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/vm.h"

#define STATUS_KILLED (128 + 9)
#define GUARD_BYTES   ((uint64_t)1 << 20) /* below a stack: what Linux keeps free */
#define BIT_INPUT     ((word_t)1)         /* bits of `events` */
#define BIT_NEVER     ((word_t)2)         /* nobody raises it: only the deadline ends the wait */
#define POLL_NS       (10 * (uint64_t)CLOCK_NS_PER_MS)

/* libos places its own mappings at the bottom of [VM_LOW, VM_HIGH), the core what names no address
 * at the top of the map range. A program that insists on libos's addresses gets ENOMEM. */
static const struct port_layout layout = {
    .program_low = 0x10000,
    .program_high = 0x200000000000,
    .map_low = 0x100000000000,
    .map_high = 0x200000000000,
    .core_low = 0x200000000000,
    .core_high = VM_HIGH,
};

static struct archive archive;
static slot_t events;       /* notification: input has come */
static bool told_of_input;  /* else it has to be looked for */
static uint64_t started_ns; /* both of clock_ns() */
static uint64_t idle_ns;
static vaddr_t stack_low, stack_high;
static struct task *self;

const struct port_layout *port_layout(void)
{
    return &layout;
}

enum err port_libos_init(void)
{
    enum err e = libos_setup();

    if (e == ERR_OK && slot_cap(SLOT_ARCHIVE))
        e = archive_map(&archive);
    if (e == ERR_OK)
        e = notify_new(&events);
    if (e)
        return e;
    told_of_input = exo_console_notify(SLOT_CONSOLE, events, BIT_INPUT) == ERR_OK;
    started_ns = clock_ns();
    stack_low = START_STACK;
    stack_high = START_STACK_TOP;
    return ERR_OK;
}

const struct archive *port_libos_archive(void)
{
    return &archive;
}

const void *port_archive(size_t *bytes)
{
    *bytes = archive.length;
    return archive.bytes;
}

enum err port_libos_stack(uint64_t bytes, vaddr_t *top)
{
    vaddr_t low = 0;
    enum err e = vm_map(&low, bytes + GUARD_BYTES, RIGHT_READ | RIGHT_WRITE);

    if (e == ERR_OK)
        e = vm_protect(low, GUARD_BYTES, 0);
    if (e)
        return e;
    stack_low = low + GUARD_BYTES;
    *top = stack_high = stack_low + bytes;
    return ERR_OK;
}

void port_stack_get(vaddr_t *low, vaddr_t *high)
{
    *low = stack_low;
    *high = stack_high;
}

_Noreturn void port_libos_exhausted(void)
{
    log_kernel_line("posix: the program is ended: no memory is left");
    port_exit(STATUS_KILLED);
}

static uint64_t memory_bytes(void)
{
    const volatile struct cap *cap = slot_cap(SLOT_MEMORY);

    return cap ? cap->count * PAGE_SIZE : 0;
}

/* Memory is taken at first use, so that only what could never be had is refused here. */
bool port_map(vaddr_t va, size_t bytes, rights_t rights)
{
    if (rights && bytes > memory_bytes())
        return false;
    return vm_map(&va, bytes, rights) == ERR_OK;
}

bool port_protect(vaddr_t va, size_t bytes, rights_t rights)
{
    return vm_protect(va, bytes, rights) == ERR_OK;
}

void port_unmap(vaddr_t va, size_t bytes)
{
    if (vm_unmap(va, bytes)) /* an area has to be split, and there are too many */
        port_libos_exhausted();
}

/* What is unmapped leaves room for the area that takes its place. */
void port_discard(vaddr_t va, size_t bytes)
{
    vaddr_t end = va + bytes;
    struct vm_info info;

    while (va < end && vm_query(va, &info) == ERR_OK) {
        vaddr_t high = info.high < end ? info.high : end;
        port_unmap(va, high - va);
        if (vm_map(&va, high - va, info.rights))
            port_libos_exhausted();
        va = high;
    }
}

void port_memory_get(struct port_memory *out)
{
    out->total_bytes = memory_bytes();
    out->free_bytes = (region_free_count() + frames_free_count()) * PAGE_SIZE;
}

/* The program has its processor to itself, so what it did not wait it used. */
uint64_t port_cpu_ns(void)
{
    return clock_ns() - started_ns - idle_ns;
}

struct task *port_self(void)
{
    return self;
}

void port_set_self(struct task *new)
{
    self = new;
    quick_set(new);
}

void port_sleep(uint64_t deadline_ns, bool console)
{
    uint64_t begin = clock_ns();

    if (console && !told_of_input && deadline_ns > begin + POLL_NS)
        deadline_ns = begin + POLL_NS;
    notify_until(events, console ? BIT_INPUT : BIT_NEVER, port_libos_ticks(deadline_ns), NULL);
    idle_ns += clock_ns() - begin;
}

/* The one task of the one process is never asleep when somebody could wake it. */
void port_wake(struct task *task)
{
    (void)task;
}

bool port_core_extend(vaddr_t va, size_t bytes)
{
    return port_map(va, bytes, RIGHT_READ | RIGHT_WRITE);
}

vaddr_t port_door(void)
{
    return 0;
}

const void *port_vdso(void)
{
    return NULL;
}

bool port_has_keeper(void)
{
    return false;
}

long port_fork(struct task *child, const void *program)
{
    (void)child, (void)program;
    return -ENOSYS;
}

long port_thread_start(struct task *task, const struct posix_regs *regs, vaddr_t fs_base)
{
    (void)task, (void)regs, (void)fs_base;
    return -ENOSYS;
}

_Noreturn void port_thread_end(void)
{
    port_exit(0);
}

_Noreturn void port_process_end(void)
{
    port_exit(0);
}

bool port_show(vaddr_t va, const void *core, size_t bytes, rights_t rights)
{
    (void)va, (void)core, (void)bytes, (void)rights;
    return false;
}

unsigned port_processors(void)
{
    return 1;
}
