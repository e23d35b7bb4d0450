/* Entries of I/O page tables. */
#include "bindings/io_table.h"

#include "bindings/node.h"
#include "bindings/page_run.h"
#include "bindings/revoke.h"
#include "exo/abi/syscall.h"
#include "exo/base/assert.h"
#include "exo/base/sequence.h"
#include "exo/mem/frame.h"

iopte_t *io_entry(pfn_t root, uint64_t address, unsigned level)
{
    iopte_t *table = frame_memory(root);

    for (unsigned l = frame_of(root)->level; l > level; l--) {
        iopte_t e = table[arch_mmu_index(address, l)];
        if (!arch_iopte_present(e))
            return NULL;
        table = arch_phys(arch_iopte_address(e));
    }
    return &table[arch_mmu_index(address, level)];
}

/* Nodes lie behind an I/O page table as they do behind a page table. */
struct node *io_node(const iopte_t *e)
{
    return entry_node(e);
}

iopte_t *io_node_entry(const struct node *n, pfn_t *table)
{
    return node_entry(n, table);
}

static pfn_t shown_by(iopte_t e)
{
    return (pfn_t)(arch_iopte_address(e) >> PAGE_BITS);
}

void io_show(iopte_t *e, struct cap *frames, pfn_t pfn, rights_t rights)
{
    struct frame_info *f = frame_of(pfn);

    ASSERT(!arch_iopte_present(*e) && f->pins < PINS_MAX);
    f->pins++;
    f->bindings++;
    node_link(&frames->node, io_node(e));
    arch_iopte_write(e, arch_iopte((paddr_t)pfn << PAGE_BITS, rights));
}

static void make_table(pfn_t frame, unsigned level, node_t origin)
{
    sequence_begin(frame_sequence);
    for (pfn_t n = frame; n < frame + TABLE_FRAMES; n++) {
        frame_of(n)->type = n == frame ? FRAME_IO_TABLE : FRAME_IO_NODES;
        frame_of(n)->first = frame;
        frame_of(n)->origin = origin;
    }
    frame_of(frame)->level = (uint8_t)level;
    sequence_end(frame_sequence);
}

void io_table_show(iopte_t *e, struct node *parent, pfn_t frame, unsigned level)
{
    ASSERT(!arch_iopte_present(*e));
    make_table(frame, level, node_name(io_node(e)));
    node_link(parent, io_node(e));
    arch_iopte_write(e, arch_iopte((paddr_t)frame << PAGE_BITS, RIGHT_READ | RIGHT_WRITE));
}

void io_root_make(pfn_t frame)
{
    make_table(frame, arch_iommu_levels(), 0);
}

struct node *io_table_contents(pfn_t table)
{
    const iopte_t *entries = frame_memory(table);

    for (unsigned i = 0; i < MMU_ENTRIES; i++)
        if (arch_iopte_present(entries[i]))
            return io_node(&entries[i]);
    return NULL;
}

struct node *io_contents(const struct node *n)
{
    pfn_t table;
    const iopte_t *e = io_node_entry(n, &table);

    return frame_of(table)->level > 1 ? io_table_contents(shown_by(*e)) : NULL;
}

pfn_t io_drop(struct node *n)
{
    pfn_t table;
    iopte_t *e = io_node_entry(n, &table);
    pfn_t shown = shown_by(*e);

    arch_iopte_write(e, 0);
    node_unlink(n);
    if (frame_of(table)->level > 1)
        return shown;
    frame_of(shown)->pins--;
    frame_unbound(shown);
    return 0;
}

pfn_t io_root(pfn_t table)
{
    while (frame_of(table)->origin)
        (void)io_node_entry(node_at(frame_of(table)->origin), &table);
    return table;
}

static const char *check_page(const iopte_t *e)
{
    const struct node *parent = node_at(io_node(e)->parent);
    const struct cap *c = (const struct cap *)(const void *)parent;
    pfn_t shown = shown_by(*e);

    if (frame_of(frame_number(parent))->type != FRAME_CAPTABLE || c->kind != CAP_FRAMES)
        return "Q2: a DMA binding comes from no frames";
    if (shown < c->base || shown - c->base >= c->count)
        return "Q2: a DMA binding shows what was not given";
    return arch_iopte_rights(*e) & ~(rights_t)c->rights ? "Q2: a DMA binding has more rights"
                                                        : NULL;
}

const char *io_table_check(pfn_t table)
{
    const iopte_t *entries = frame_memory(table);
    unsigned level = frame_of(table)->level;
    const char *broken = NULL;

    for (unsigned i = 0; i < MMU_ENTRIES && !broken; i++) {
        const iopte_t *e = &entries[i];
        if (arch_iopte_present(*e) != (io_node(e)->parent != 0))
            return "Q1: an I/O entry and its node disagree";
        if (!arch_iopte_present(*e))
            continue;
        const struct frame_info *to = frame_of(shown_by(*e));
        if (level == 1)
            broken = check_page(e);
        else if (to->type != FRAME_IO_TABLE || to->level != level - 1)
            return "Q3: an I/O entry leads to no table of the next level";
    }
    return broken;
}
