/*
 * Which blocks a block of inodes owns: those of the files' data, and blocks of pointers, whose type
 * is the template's first parameter. An inode that is nobody's names none.
 */
#include "grafts/examples/small_fs.h"
#include "grafts/include/graft_helpers.h"

uint64_t own_inodes(const struct graft_ownership *o);

GRAFT(ownership) uint64_t own_inodes(const struct graft_ownership *o)
{
    const struct small_inodes *b = (const void *)(uintptr_t)o->data;

    if ((uint64_t)(b + 1) > o->data_end || b->magic != SMALL_INODE_MAGIC)
        return 1;
    for (uint32_t i = 0; i < SMALL_INODE_COUNT; i++) {
        const struct small_inode *n = &b->inodes[i];
        if (!n->used)
            continue;
        for (uint32_t k = 0; k < SMALL_DIRECT; k++)
            if (n->direct[k])
                owns(n->direct[k], 1, 0);
        if (n->pointers)
            owns(n->pointers, 1, o->parameter[0]);
    }
    return 0;
}
