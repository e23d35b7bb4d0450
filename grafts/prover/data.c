/* The linker: maps, and global data as maps. */
#include "grafts/prover/linker.h"

#define MAP_ARRAY 1u

#define SOURCE_MAP   5u /* of a 64-bit load: RFC 9669, "64-bit immediate instructions" */
#define SOURCE_VALUE 6u
#define MAX_MAPS     64u
#define MAX_DATA     ((uint32_t)1 << 20)

static const char *const make_map =
    "declare it as: struct graft_map_def NAME SEC(\".maps\") = {type, key, value, entries}";

static uint32_t add_map(struct linker *l, const struct linked_map *map)
{
    if (l->map_count >= MAX_MAPS)
        work_fail(l->work, "too many maps", map->name, "at most 64, those of global data included");
    l->maps =
        work_grow(l->work, l->maps, &l->map_room, l->map_count, l->map_count + 1, sizeof *l->maps);
    l->maps[l->map_count] = *map;
    return l->map_count++;
}

static const char *map_name(const struct linker *l, uint32_t offset)
{
    for (uint32_t i = 1; i < l->object.symbol_count; i++) {
        const struct object_symbol *s = &l->object.symbols[i];
        if (s->section == l->maps_section && s->value == offset &&
            (s->info & 15u) != OBJECT_SECTION_SYMBOL)
            return object_symbol_name(&l->object, s);
    }
    return "";
}

void linker_read_maps(struct linker *l)
{
    l->maps_section = object_find(&l->object, ".maps");
    if (!l->maps_section)
        return;
    const struct object_section *s = &l->object.sections[l->maps_section];
    const struct object_relocation *none;
    if (s->type != OBJECT_PROGBITS || s->bytes % 16 != 0 ||
        object_relocations(&l->object, l->maps_section, &none) > 0)
        work_fail(l->work, "section .maps is not an array of struct graft_map_def", NULL, make_map);
    for (uint32_t offset = 0; offset < s->bytes; offset += 16) {
        uint32_t word[4];
        __builtin_memcpy(word, object_bytes(&l->object, s) + offset, sizeof word);
        add_map(
            l, &(struct linked_map){map_name(l, offset), word[0], word[1], word[2], word[3], NULL});
    }
}

/* .rodata.cst16 and .rodata.str1.1 are parts of .rodata, and so on. */
static const char *family(const char *section)
{
    static const char *const families[] = {".rodata", ".data", ".bss"};

    for (unsigned i = 0; i < sizeof families / sizeof families[0]; i++)
        if (object_begins(section, families[i]))
            return families[i];
    return section;
}

static uint32_t map_of_family(struct linker *l, const char *name)
{
    uint32_t first =
        l->maps_section ? (uint32_t)(l->object.sections[l->maps_section].bytes / 16) : 0;

    for (uint32_t i = first; i < l->map_count; i++)
        if (object_same(l->maps[i].name, name))
            return i;
    return add_map(l, &(struct linked_map){name, MAP_ARRAY, 4, 0, 1, NULL});
}

/* Where the data of `section` stand; it gets a place the first time that it is asked for. */
static const struct linker_data *place_data(struct linker *l, uint32_t section,
                                            const struct object_line *line)
{
    const struct object_section *s = &l->object.sections[section];
    const char *name = object_section_name(&l->object, section);
    const struct object_relocation *some;

    for (uint32_t i = 0; i < l->data_count; i++)
        if (l->data[i].section == section)
            return &l->data[i];
    if (s->flags & OBJECT_EXEC)
        work_fail_at(l->work, "the address of a function is taken", name, "call it directly", line);
    if (!(s->flags & OBJECT_ALLOC) || s->bytes > MAX_DATA)
        work_fail_at(l->work, "not data that a graft can have", name, "at most 1 MiB", line);
    if (object_relocations(&l->object, section, &some) > 0)
        work_fail_at(l->work, "global data hold an address", name,
                     "use an index and not a pointer there", line);

    uint32_t map = map_of_family(l, family(name));
    uint32_t offset = (l->maps[map].value_bytes + 15u) & ~15u;
    if (offset + s->bytes > MAX_DATA)
        work_fail_at(l->work, "too much global data", name, "at most 1 MiB", line);
    l->maps[map].value_bytes = offset + (uint32_t)s->bytes;
    l->data = work_grow(l->work, l->data, &l->data_room, l->data_count, l->data_count + 1,
                        sizeof *l->data);
    l->data[l->data_count] = (struct linker_data){map, section, offset};
    return &l->data[l->data_count++];
}

/* Contents are put together when all sections have their place. */
void linker_fill_maps(struct linker *l)
{
    for (uint32_t i = 0; i < l->data_count; i++) {
        const struct linker_data *d = &l->data[i];
        const struct object_section *s = &l->object.sections[d->section];
        struct linked_map *map = &l->maps[d->map];
        const uint8_t *from = object_bytes(&l->object, s);
        if (!from)
            continue;
        if (!map->initial)
            map->initial = work_take(l->work, map->value_bytes, 1);
        __builtin_memcpy((uint8_t *)(uintptr_t)map->initial + d->offset, from, s->bytes);
    }
}

static void set_source(struct item *item, unsigned source, uint32_t low, uint32_t high)
{
    item->insn.registers = (uint8_t)(insn_dst(&item->insn) | source << 4);
    item->insn.imm = (int32_t)low;
    item->high = (int32_t)high;
}

void linker_relocate_data(struct linker *l, struct item *item, const struct object_symbol *s)
{
    const char *name = object_symbol_name(&l->object, s);
    const struct object_line *line = &item->line;
    int64_t offset = (int64_t)s->value + item->insn.imm;

    if (s->section == 0 || s->section >= l->object.section_count)
        work_fail_at(l->work, "a variable is used and stands nowhere", name, "define it here",
                     line);
    if (l->maps_section && s->section == l->maps_section) {
        if (offset < 0 || offset % 16 != 0 ||
            (uint64_t)offset >= l->object.sections[l->maps_section].bytes)
            work_fail_at(l->work, "a map is named in its middle", name, make_map, line);
        set_source(item, SOURCE_MAP, (uint32_t)offset / 16, 0);
        return;
    }
    const struct linker_data *d = place_data(l, s->section, line);
    uint64_t bytes = l->object.sections[s->section].bytes;
    if (offset < -(int64_t)MAX_DATA || offset > (int64_t)bytes)
        work_fail_at(l->work, "an address lies outside of its variable", name, "use an index",
                     line);
    set_source(item, SOURCE_VALUE, d->map, (uint32_t)((int64_t)d->offset + offset));
}
