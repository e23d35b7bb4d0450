/* The kernel interface page, and finding it by `lock; nop`. */
#include "exo/abi/kip.h"

#include "bindings/cap.h"
#include "exo/abi/kinfo.h"
#include "exo/abi/syscall.h"
#include "exo/abi/utcb.h"
#include "exo/arch/boot.h"
#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/base/string.h"
#include "exo/entry/handlers.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/boot_mem.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"
#include "l4core/control.h"

#define THREAD_BITS 13u
#define UTCB_INFO   (1u | 12u << 10 | 12u << 16) /* one UTCB is 1 * 2^12 bytes, aligned so */
#define PAGE_INFO   (1u << 12 | 1u << 21 | 1u << 30 | 7u) /* sizes; r, w and x */
#define DESC_AT     0x240u                                /* processor descriptors */
#define KERNEL_AT   0x640u
#define MEMORY_AT   0x800u
#define MEMORY_MAX  64u
#define KERNEL_DATE (22u | 11u << 5 | 26u << 9) /* of the interface: day, month, year - 2000 */

_Static_assert(1u << THREAD_BITS == THREAD_MAX, "thread numbers");

static uint8_t *page;

static void put(uint32_t at, uint64_t word)
{
    memcpy(page + at, &word, sizeof word);
}

static void fill_links(struct kip *k)
{
    k->ipc = LINK_ADDRESS(LINK_IPC);
    k->lipc = LINK_ADDRESS(LINK_LIPC);
    k->thread_switch = LINK_ADDRESS(LINK_THREAD_SWITCH);
    k->system_clock = LINK_ADDRESS(LINK_SYSTEM_CLOCK);
    k->unmap = LINK_ADDRESS(LINK_UNMAP);
    k->thread_control = LINK_ADDRESS(LINK_THREAD_CONTROL);
    k->space_control = LINK_ADDRESS(LINK_SPACE_CONTROL);
    k->exchange_registers = LINK_ADDRESS(LINK_EXCHANGE_REGISTERS);
    k->schedule = LINK_ADDRESS(LINK_SCHEDULE);
    k->processor_control = LINK_ADDRESS(LINK_PROCESSOR_CONTROL);
    k->memory_control = LINK_ADDRESS(LINK_MEMORY_CONTROL);
}

/* One descriptor: [base, end) of `type`. */
static unsigned put_memory(unsigned n, uint64_t base, uint64_t end, unsigned type)
{
    put(MEMORY_AT + n * 16, base | type);
    put(MEMORY_AT + n * 16 + 8, (end - 1) & ~(uint64_t)0x3ff);
    return n + 1;
}

/* Later descriptors override earlier ones: all is reserved but what the regions hold
 * and the boot archive. */
static unsigned fill_memory(void)
{
    const struct boot_info *boot = boot_info_get();
    const struct boot_range *r;
    unsigned ranges = boot_mem_rest(&r), n = 0;
    paddr_t device, device_bytes = arch_display_memory(&device);

    n = put_memory(n, 0, (uint64_t)boot_mem_top() << PAGE_BITS, KIP_MEMORY_RESERVED);
    for (unsigned i = 0; i < ranges && n < MEMORY_MAX - 1; i++)
        n = put_memory(n, r[i].base, r[i].end, KIP_MEMORY_CONVENTIONAL);
    if (device_bytes)
        n = put_memory(n, device, device + device_bytes, KIP_MEMORY_DEDICATED);
    if (boot->archive_bytes)
        n = put_memory(n, boot->archive_base & ~(paddr_t)(PAGE_SIZE - 1),
                       boot->archive_base + boot->archive_bytes, KIP_MEMORY_LOADER);
    return n;
}

static void fill_kernel(void)
{
    static const char text[] = "exo4\0ioflexpages\0"; /* version, features */

    put(KERNEL_AT, KIP_KERNEL_ID);
    put(KERNEL_AT + 8, KERNEL_DATE);
    put(KERNEL_AT + 16, 0x00010000);
    memcpy(page + KERNEL_AT + 24, "exo4", 4);
    memcpy(page + KERNEL_AT + 32, text, sizeof text);
}

pfn_t kip_frame(void)
{
    return frame_number(page);
}

void kip_init(void)
{
    paddr_t frame = boot_frames(1);
    struct kip *k = arch_phys(frame);
    uint64_t khz = arch_tick_khz();

    page = arch_phys(frame);
    k->magic = KIP_MAGIC;
    k->api_version = KIP_API_VERSION;
    k->api_flags = KIP_API_FLAGS;
    k->kernel_desc = KERNEL_AT;
    k->utcb_info = UTCB_INFO;
    k->kip_area_info = PAGE_BITS;
    k->processor_desc = DESC_AT;
    k->clock_info = 1 | 1 << 16; /* a microsecond each */
    k->thread_info = THREAD_BITS | IRQ_LINES << 8 | THREAD_FIRST << 20;
    k->page_info = PAGE_INFO;
    k->processor_info = (cpu_count - 1) | (uint64_t)5 << 60;
    fill_links(k);
    for (unsigned i = 0; i < cpu_count; i++) {
        put(DESC_AT + i * 32, khz);
        put(DESC_AT + i * 32 + 8, khz);
    }
    fill_kernel();
    k->memory_info = (uint64_t)MEMORY_AT << 32 | fill_memory();
    arch_window_map(WINDOW_KIP, frame, PAGE_SIZE, RIGHT_READ);
    arch_window_map(WINDOW_LINKS, arch_link_page(), PAGE_SIZE, RIGHT_READ | RIGHT_EXEC);
}

static bool is_loaders_word(uint32_t at)
{
    const uint32_t first = offsetof(struct kip, sigma0), end = offsetof(struct kip, unused0);

    return at % 8 == 0 && ((at >= first && at < end) || at == offsetof(struct kip, boot_info));
}

static enum err check_machine(const struct env *e, slot_t machine)
{
    const struct cap *c = cap_find(e, machine, CAP_MACHINE);

    if (!c)
        return ERR_BAD_CAP;
    return c->rights & RIGHT_WRITE ? ERR_OK : ERR_NO_RIGHT;
}

int sys_kip_set(struct thread *caller, const struct sys_kip_set_args *a, word_t *result)
{
    enum err e = check_machine(caller->env, a->machine);

    (void)result;
    if (!is_loaders_word(a->at))
        return ERR_BAD_ARG;
    if (e == ERR_OK)
        put(a->at, a->word);
    return (int)e;
}

static bool is_memory_type(uint32_t type)
{
    return (type && type <= KIP_MEMORY_SHARED) ||
           (type < 0x100 && (type & 0xf) == KIP_MEMORY_LOADER);
}

int sys_kip_memory(struct thread *caller, const struct sys_kip_memory_args *a, word_t *result)
{
    struct kip *k = (struct kip *)(void *)page;
    const unsigned n = (uint32_t)k->memory_info;
    enum err e = check_machine(caller->env, a->machine);

    (void)result;
    if (a->base % 1024 || a->end % 1024 || a->base >= a->end || !is_memory_type(a->type))
        return ERR_BAD_ARG;
    if (e != ERR_OK)
        return (int)e;
    if (n == MEMORY_MAX)
        return ERR_NO_MEM;
    k->memory_info = (uint64_t)MEMORY_AT << 32 | put_memory(n, a->base, a->end, a->type);
    return ERR_OK;
}

bool hook_kernel_interface(struct thread *t)
{
    struct regs *r = thread_regs(t);
    uint8_t code[2] = {0};

    if (!forest_lock_for(t)) /* no table goes away during the walk */
        return true;         /* but the thread did: it does not run any more */
    const uint8_t *first = space_user(t->env->root, r->rip, RIGHT_READ);
    if (first && r->rip % PAGE_SIZE < PAGE_SIZE - 1) {
        code[0] = first[0];
        code[1] = first[1];
    } else if (first) {
        space_copy_in(t->env->root, code, r->rip, sizeof code);
    }
    forest_unlock();
    if (code[0] != 0xf0 || code[1] != 0x90)
        return false;
    r->rax = t->env->kip_area ? t->env->kip_area : WINDOW_KIP;
    r->rcx = KIP_API_VERSION;
    r->rdx = KIP_API_FLAGS;
    r->rsi = KIP_KERNEL_ID;
    r->rip += sizeof code;
    return true;
}
