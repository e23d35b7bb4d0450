/* Runs of ordinary entries. The loops are written for the number of instructions they come to: what
 * all entries have in common is worked out before, and nothing is called. */
#include "bindings/page_run.h"

#include "bindings/node.h"
#include "exo/mem/frame.h"

#define READ(field)     __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define NODES_PER_FRAME (PAGE_SIZE / sizeof(struct node))
#define OFFSET_BITS     (TABLE_BYTES - PAGE_SIZE)   /* of an aligned address in the table's reach */
#define RIGHTS_NOW(w)   (((w)&0xffff) | RIGHT_READ) /* the CPU cannot show a page otherwise */

/* node_at and node_name, in line and for nodes that exist. */
static inline struct node *at(node_t name)
{
    return arch_phys((paddr_t)name * sizeof(struct node));
}

static inline node_t name_of(const struct node *n)
{
    return (node_t)(n - (const struct node *)arch_phys(0));
}

/* The nodes of a table's entries lie behind it. */
static inline struct node *nodes_of(pte_t *table)
{
    return (struct node *)(void *)(table + MMU_ENTRIES);
}

/* node_unlink for a node that has a parent and no children. */
static inline void unlink_leaf(struct node *n)
{
    node_t *from = n->prev ? &at(n->prev)->next : &at(n->parent)->child;

    *from = n->next;
    if (n->next)
        at(n->next)->prev = n->prev;
    *n = (struct node){0};
}

uint32_t page_run_bind(const struct page_run *r, struct cap *frames)
{
    const struct page_entry *e = r->entries, *end = e + r->count;
    const uint32_t word = READ(e->rights);
    const rights_t rights = RIGHTS_NOW(word), most = rights | word >> 16;

    if ((word & 0xffff) == 0 || (most & ~(PAGE_RIGHTS & (rights_t)frames->rights)))
        return 0;
    const vaddr_t base = r->base;
    const pfn_t first = frames->base;
    const uint32_t length = frames->count;
    const pte_t zero = arch_pte_page(0, rights, most);
    struct frame_info *info = frame_table;
    pte_t *table = r->table;
    struct node *nodes = nodes_of(table);
    const node_t names = name_of(nodes), parent = name_of(&frames->node);
    node_t elder = frames->node.child;
    node_t none = 0, *elder_prev = elder ? &at(elder)->prev : &none;

    for (; e < end; e++) {
        vaddr_t offset = READ(e->va) - base;
        pfn_t pfn = READ(e->pfn);
        vaddr_t i = offset / PAGE_SIZE;
        if ((offset & ~OFFSET_BITS) || READ(e->rights) != word || pfn - first >= length ||
            arch_pte_present(table[i]))
            break;
        table[i] = arch_pte_at(zero, (paddr_t)pfn << PAGE_BITS);
        const uint64_t words[2] = {parent, elder}; /* no child, no `prev` */
        __builtin_memcpy(&nodes[i], words, sizeof words);
        elder = names + (node_t)i;
        *elder_prev = elder;
        elder_prev = &nodes[i].prev;
        info[pfn].bindings++;
    }
    frames->node.child = elder;
    return (uint32_t)(e - r->entries);
}

uint32_t page_run_protect(const struct page_run *r)
{
    const struct page_entry *e = r->entries, *end = e + r->count;
    const uint32_t word = READ(e->rights);
    const rights_t rights = word | RIGHT_READ;

    if (word == 0 || (word & ~PAGE_RIGHTS))
        return 0;
    const vaddr_t base = r->base;
    pte_t *table = r->table;
    const struct node *nodes = nodes_of(table);
    const struct frame_info *info = frame_table;
    node_t parent = 0; /* the last one found not to be a page binding itself */

    for (; e < end; e++) {
        vaddr_t offset = READ(e->va) - base;
        vaddr_t i = offset / PAGE_SIZE;
        if ((offset & ~OFFSET_BITS) || READ(e->rights) != word || !arch_pte_may(table[i], rights) ||
            nodes[i].child)
            break;
        if (nodes[i].parent != parent) {
            if (info[nodes[i].parent / NODES_PER_FRAME].type == FRAME_NODES)
                break;
            parent = nodes[i].parent;
        }
        table[i] = arch_pte_protect(table[i], rights);
    }
    return (uint32_t)(e - r->entries);
}

uint32_t page_run_unbind(const struct page_run *r)
{
    const struct page_entry *e = r->entries, *end = e + r->count;
    const vaddr_t base = r->base;
    struct frame_info *info = frame_table;
    pte_t *table = r->table;
    struct node *nodes = nodes_of(table);

    for (; e < end; e++) {
        vaddr_t offset = READ(e->va) - base;
        vaddr_t i = offset / PAGE_SIZE;
        if ((offset & ~OFFSET_BITS) || !arch_pte_is_memory(table[i]) || nodes[i].child)
            break;
        struct frame_info *f = &info[arch_pte_address(table[i]) >> PAGE_BITS];
        if (f->type == FRAME_STALE)
            break;
        f->bindings--;
        table[i] = 0;
        unlink_leaf(&nodes[i]);
    }
    return (uint32_t)(e - r->entries);
}
