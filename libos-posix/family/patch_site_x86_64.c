/* Changing `syscall` instructions into calls, and telling such calls from others. */
#include "libos-posix/family/patch.h"

#include "libos-posix/family/member.h"
#include "libos-posix/family/patch_code.h"
#include "libos-posix/family/patch_layout.h"
#include "libos-posix/family/space.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/way/quick_layout.h"
#include "libos/book.h"

#define SITES 1024u /* patch_x86_64.S knows it */
#define WAYS  8u    /* places in the table where a site may be */
#define FUNCTION_ALIGN                                                                             \
    16u /* calls are often at one place in functions aligned so; patch_x86_64.S knows it */
#define LINE_BYTES   64u /* of a cache: a store within it is seen whole */
#define KEPT         64u
#define NEVER        UINT32_MAX
#define CALLS_SHARED 32u /* from a page that others see, too, before it is copied for that */

#define INSTRUCTION_BYTES 2u
#define SYSCALL_CODE      ((uint16_t)0x050f)    /* as read from memory */
#define CALL_CODE         ((uint16_t)0xd0ff)    /* call *%rax */
#define NOTHING_BOUND     (CPU_FAULT_EXEC | 4u) /* error code: an instruction, in user mode */

_Static_assert(FAMILY_PLACE + offsetof(struct family_place, sled) == UTCB_GS + GS_SLED_END &&
                   FAMILY_PLACE + sizeof(struct family_place) <= UTCB_GS + GS_QUICK,
               "the words of quick_layout.h");
_Static_assert(FAMILY_PLACE + offsetof(struct family_place, core) == UTCB_GS + GS_TASK &&
                   FAMILY_PLACE + offsetof(struct family_place, woken) == UTCB_GS + GS_WOKEN &&
                   UTCB_EXO + offsetof(struct utcb_exo, mask) == UTCB_GS + GS_CALL_MASK &&
                   CALL_MASKED == 1 << UPCALL_CLASS_SYSCALL &&
                   UTCB_EXO + offsetof(struct utcb_exo, stack[UPCALL_CLASS_SYSCALL]) ==
                       UTCB_GS + GS_CALL_STACK &&
                   UTCB_EXO + offsetof(struct utcb_exo, save[UPCALL_CLASS_SYSCALL]) ==
                       UTCB_GS + GS_CALL_SAVE,
               "the words of patch_layout.h");
_Static_assert(offsetof(struct libos_regs, frame) == REGS_BYTES &&
                   sizeof(struct upcall_frame) == FRAME_BYTES,
               "what way_call_x86_64.S leaves room for");
_Static_assert(offsetof(struct upcall_frame, flags) == SAVE_FLAGS &&
                   offsetof(struct upcall_frame, sp) == SAVE_SP,
               "the words of a frame");

/* The return addresses of what was changed, by some of their lower bits; 0: none. */
#pragma GCC visibility push(hidden)
extern vaddr_t patch_sites[SITES];
vaddr_t patch_sites[SITES];

void libos_upcall_syscall(void); /* libos/start: where the kernel enters with a reflected call */
#pragma GCC visibility pop
static vaddr_t lowest = ~(vaddr_t)0, highest; /* the first is always there: faults ask it */
static uint32_t count;
static uint64_t used[SITES / 64]; /* bits of entries that are not 0, or were */

/* Places that were looked at and stay, and after how many calls they are looked at again. */
static struct kept {
    vaddr_t back;
    uint32_t left;
} kept[KEPT];

static vaddr_t *slot_of(vaddr_t back, vaddr_t content)
{
    for (uint32_t i = 0; i < WAYS; i++) {
        vaddr_t *slot = &patch_sites[(back / FUNCTION_ALIGN + i) % SITES];
        if (__atomic_load_n(slot, __ATOMIC_ACQUIRE) == content)
            return slot;
    }
    return NULL;
}

/* Faults ask, and while one is handled no page of the table may be missing. */
static bool is_site(vaddr_t back)
{
    return back >= lowest && slot_of(back, back);
}

static void touch_table(void)
{
    for (uint32_t i = 0; i < SITES; i += PAGE_SIZE / sizeof patch_sites[0])
        (void)__atomic_load_n(&patch_sites[i], __ATOMIC_RELAXED);
    (void)__atomic_load_n(&patch_sites[SITES - 1], __ATOMIC_RELAXED);
}

uint32_t patch_count(void)
{
    return count;
}

void patch_forget(vaddr_t va, uint64_t bytes)
{
    if (va > highest || va + bytes <= lowest)
        return;
    for (uint32_t word = 0; word < SITES / 64; word++)
        for (uint64_t left = used[word]; left; left &= left - 1) {
            const uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (patch_sites[i] && patch_sites[i] - va < bytes + INSTRUCTION_BYTES) {
                patch_sites[i] = 0;
                used[word] &= ~((uint64_t)1 << i % 64);
                count--;
            }
        }
    if (!count) {
        lowest = ~(vaddr_t)0;
        highest = 0;
    }
    memset(kept, 0, sizeof kept);
}

static bool is_bound(vaddr_t va)
{
    const volatile uint64_t *entry = space_entry(member_place()->member, va);

    return entry && cpu_pte_is_bound(*entry);
}

/* The bytes around a place, as far as they are on bound pages. */
static bool has_red_zone(vaddr_t site, const struct libos_regs *r)
{
    const vaddr_t page = site & ~(PAGE_SIZE - 1);
    vaddr_t low = site - PATCH_AROUND, high = site + INSTRUCTION_BYTES + PATCH_AROUND;

    if (low < page && !is_bound(low))
        low = page;
    if (high > page + PAGE_SIZE && !is_bound(high))
        high = page + PAGE_SIZE;
    return patch_code_uses_red_zone((const uint8_t *)low, high - low, r->frame.sp, r->rbp);
}

/* By the pool's view of the frame, so that the page's rights stay: code that may not be written to
 * never may, not even for a moment. */
static bool store(vaddr_t site, pfn_t frame)
{
    uint8_t *at = (uint8_t *)family_frame(frame) + site % PAGE_SIZE;
    uint16_t old = SYSCALL_CODE;
    uint32_t a = 0, b, c = 0, d;

    __asm__ volatile("lock cmpxchgw %[new], (%[at])"
                     : "+a"(old)
                     : [new] "r"(CALL_CODE), [at] "r"(at)
                     : "memory");
    /* The CPU may have fetched what it had at the other address: CPUID makes it look again. */
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
    return old == SYSCALL_CODE;
}

/* How many calls to wait until the next try; 0: it is changed. The space is locked. */
static uint32_t change(vaddr_t back, const struct libos_regs *r, bool shared_too)
{
    const vaddr_t site = back - INSTRUCTION_BYTES, page = site & ~(PAGE_SIZE - 1);
    const volatile uint64_t *entry = space_entry(member_place()->member, site);
    const uint64_t pte = entry ? *entry : 0;

    if (!cpu_pte_is_bound(pte) || !frame_list_has(POOL, cpu_pte_pfn(pte)) || (pte & SPACE_SHOWN))
        return NEVER; /* others see it for good, or it is a program of the core's own */
    const bool common = space_is_common(pte);
    if (common && !shared_too)
        return CALLS_SHARED;
    if (site % LINE_BYTES == LINE_BYTES - 1 || has_red_zone(site, r) ||
        (common && !space_own(page)))
        return NEVER;
    if (!count)
        touch_table();
    vaddr_t *slot = slot_of(back, 0);
    if (!slot)
        return NEVER;
    used[(slot - patch_sites) / 64] |= (uint64_t)1 << (slot - patch_sites) % 64;
    __atomic_store_n(slot, back, __ATOMIC_RELEASE);
    if (!store(site, cpu_pte_pfn(*entry))) {
        *slot = 0; /* the program has changed it meanwhile */
        return CALLS_SHARED;
    }
    lowest = back < lowest ? back : lowest;
    highest = back > highest ? back : highest;
    count++;
    return 0;
}

/* Who finds another in his place, of which is still counted, counts for that one: so they do not
 * keep each other from being changed. */
static void consider(const struct libos_regs *r)
{
    const vaddr_t back = r->frame.ip;
    struct kept *k = &kept[back / INSTRUCTION_BYTES % KEPT];
    const bool known = k->back == back, counts = k->back && k->left != NEVER;
    const bool ripe = counts && k->left <= 1; /* 0: two threads counted at once */

    if (known && !ripe) {
        k->left -= counts;
        return;
    }
    const bool taken = space_lock();
    const uint32_t left = change(back, r, ripe);
    if (!counts || ripe)
        *k = (struct kept){left ? back : 0, left};
    else
        k->left--;
    space_unlock(taken);
}

static void say_fault(struct libos_regs *r, vaddr_t at)
{
    r->frame.ip = r->frame.address = at;
    r->frame.vector = CPU_VECTOR_PAGE_FAULT;
    r->frame.error = NOTHING_BOUND;
}

bool patch_arrive(struct libos_regs *r)
{
    if (r->frame.ip) {
        uint16_t code;
        __builtin_memcpy(&code, (const void *)(r->frame.ip - INSTRUCTION_BYTES), sizeof code);
        if (code == SYSCALL_CODE)
            consider(r);
        return true;
    }
    if (is_site(r->rcx)) { /* not at its first place in the table */
        r->frame.ip = r->rcx;
        return true;
    }
    r->frame.sp -= sizeof(vaddr_t); /* what was pushed there stays */
    say_fault(r, 0);
    return false;
}

/* Goes on as if the kernel had reflected the instruction before `back`. */
static void reflect(struct libos_regs *r, vaddr_t back, vaddr_t stack)
{
    struct utcb_exo *u = book_utcb();
    struct upcall_frame *f = &u->save[UPCALL_CLASS_SYSCALL];

    *f = r->frame;
    f->ip = back;
    f->sp = stack;
    r->frame.ip = (vaddr_t)libos_upcall_syscall;
    r->frame.sp = u->stack[UPCALL_CLASS_SYSCALL];
}

bool patch_repair(struct libos_regs *r)
{
    const vaddr_t ip = r->frame.ip, sp = r->frame.sp;
    vaddr_t back = 0;

    if (is_site(ip + INSTRUCTION_BYTES)) { /* at the call itself: the number, or the stack */
        reflect(r, ip + INSTRUCTION_BYTES, sp);
        return true;
    }
    if (ip >= PATCH_LOW && ip != r->rax)
        return false;
    if (sp % sizeof back == 0 && sp < FAMILY_SHARED && is_bound(sp))
        back = *(const vaddr_t *)sp;
    if (is_site(back)) {
        if (ip < PATCH_LOW)
            r->rax = ip; /* some entries have changed it */
        reflect(r, back, sp + sizeof back);
        return true;
    }
    if (ip < PATCH_LOW)
        say_fault(r, ip);
    return false;
}
