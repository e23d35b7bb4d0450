/* Walking page tables in C, and copying to and from users. */
#include "exo/mem/space.h"

#include "exo/base/string.h"
#include "exo/mem/frame.h"

pte_t *space_entry(pfn_t root, vaddr_t va, unsigned level)
{
    pte_t *table = frame_memory(root);

    for (unsigned l = MMU_LEVELS; l > level; l--) {
        pte_t e = table[arch_mmu_index(va, l)];
        if (!arch_pte_leads(e))
            return NULL;
        table = arch_phys(arch_pte_address(e));
    }
    return &table[arch_mmu_index(va, level)];
}

pte_t *space_last(pfn_t root, vaddr_t va, unsigned *level)
{
    pte_t *table = frame_memory(root);

    for (*level = MMU_LEVELS;; --*level) {
        pte_t *e = &table[arch_mmu_index(va, *level)];
        if (*level == 1 || !arch_pte_leads(*e))
            return e;
        table = arch_phys(arch_pte_address(*e));
    }
}

pte_t *space_large(pfn_t root, vaddr_t va, unsigned *level)
{
    pte_t *e = space_last(root, va, level);

    return *level > 1 && arch_pte_present(*e) && arch_pte_is_large(*e) ? e : NULL;
}

/* The same for what no table of the space's own maps: large pages, and pages of shared tables, on
 * the way to which each level may lack a right. */
static void *user_elsewhere(pfn_t root, vaddr_t va, rights_t need)
{
    const pte_t *table = frame_memory(root);

    for (unsigned level = MMU_LEVELS;; level--) {
        pte_t e = table[arch_mmu_index(va, level)];
        if (!arch_pte_is_memory(e) || (need & ~arch_pte_rights(e)))
            return NULL;
        table = arch_phys(arch_pte_address(e));
        if (level == 1 || arch_pte_is_large(e))
            return (char *)arch_phys(arch_pte_address(e)) + va % MMU_SPAN(level);
    }
}

void *space_user(pfn_t root, vaddr_t va, rights_t need)
{
    if (va >= USER_TOP)
        return NULL;
    const pte_t *e = space_leaf(root, va);
    if (!e)
        return user_elsewhere(root, va, need);
    if (!arch_pte_is_memory(*e) || (need & ~arch_pte_rights(*e)))
        return NULL;
    return (char *)arch_phys(arch_pte_address(*e)) + va % PAGE_SIZE;
}

/* Bytes from `va` to the end of its page, at most `bytes`. */
static size_t in_page(vaddr_t va, size_t bytes)
{
    size_t rest = PAGE_SIZE - va % PAGE_SIZE;

    return bytes < rest ? bytes : rest;
}

bool space_copy_in(pfn_t root, void *to, vaddr_t from, size_t bytes)
{
    char *t = to;

    for (size_t done = 0, n; done < bytes; done += n) {
        n = in_page(from + done, bytes - done);
        const void *f = space_user(root, from + done, RIGHT_READ);
        if (!f)
            return false;
        memcpy(t + done, f, n);
    }
    return true;
}

bool space_copy_out(pfn_t root, vaddr_t to, const void *from, size_t bytes)
{
    const char *f = from;

    for (size_t done = 0, n; done < bytes; done += n) {
        n = in_page(to + done, bytes - done);
        void *t = space_user(root, to + done, RIGHT_WRITE);
        if (!t)
            return false;
        memcpy(t, f + done, n);
    }
    return true;
}
