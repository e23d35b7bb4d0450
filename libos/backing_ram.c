/* Memory as a backing store. */
#include "libos/backing.h"
#include "libos/string.h"
#include "libos/vm.h"

static enum err ram_read(struct backing *b, uint32_t block, void *page)
{
    struct backing_ram *ram = (struct backing_ram *)b;

    if (block >= b->blocks)
        return ERR_BAD_ARG;
    memcpy(page, (const void *)(ram->memory + block * PAGE_SIZE), PAGE_SIZE);
    ram->reads++;
    return ERR_OK;
}

static enum err ram_write(struct backing *b, uint32_t block, const void *page)
{
    struct backing_ram *ram = (struct backing_ram *)b;

    if (block >= b->blocks)
        return ERR_BAD_ARG;
    memcpy((void *)(ram->memory + block * PAGE_SIZE), page, PAGE_SIZE);
    ram->writes++;
    return ERR_OK;
}

enum err backing_ram_init(struct backing_ram *ram, uint32_t blocks)
{
    *ram = (struct backing_ram){.backing = {blocks, ram_read, ram_write}};
    enum err e = vm_map(&ram->memory, blocks * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    if (e)
        return e;
    e = vm_populate(ram->memory, blocks * PAGE_SIZE);
    if (e)
        backing_ram_destroy(ram);
    return e;
}

void backing_ram_destroy(struct backing_ram *ram)
{
    vm_unmap(ram->memory, ram->backing.blocks * PAGE_SIZE);
    *ram = (struct backing_ram){0};
}
