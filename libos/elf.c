/* Reading static ELF-64 programs. */
#include "libos/elf.h"

#include "exo/abi/elf.h"
#include "libos/string.h"

static bool is_inside(uint64_t offset, uint64_t bytes, uint64_t length)
{
    return offset <= length && bytes <= length - offset;
}

static bool check_file_header(const struct elf_header *h, size_t length)
{
    return elf_is_native(h) && h->machine == ELF_MACHINE_86 &&
           (h->type == ELF_TYPE_EXEC || h->type == ELF_TYPE_DYN) &&
           h->segment_bytes == sizeof(struct elf_program_header) &&
           is_inside(h->segments, (uint64_t)h->segment_count * h->segment_bytes, length);
}

static rights_t rights_of(uint32_t flags)
{
    return (flags & ELF_READ ? RIGHT_READ : 0) | (flags & ELF_WRITE ? RIGHT_WRITE : 0) |
           (flags & ELF_EXEC ? RIGHT_EXEC : 0);
}

/* Adds a loadable segment behind those there are. */
static bool add_segment(struct elf_program *p, const struct elf_program_header *h, size_t length)
{
    if (!h->memory_bytes)
        return true;
    if (p->count == ELF_SEGMENTS_MAX || h->file_bytes > h->memory_bytes ||
        !is_inside(h->offset, h->file_bytes, length) ||
        !is_inside(h->va, h->memory_bytes, USER_TOP))
        return false;
    const struct elf_segment *last = p->count ? &p->segments[p->count - 1] : NULL;
    if (last && h->va < last->va + last->memory_bytes)
        return false;
    p->segments[p->count++] =
        (struct elf_segment){h->va, h->memory_bytes, h->offset, h->file_bytes, rights_of(h->flags)};
    return true;
}

/* Which segment holds the program headers in memory? */
static vaddr_t find_headers(const struct elf_program *p, uint64_t offset)
{
    uint64_t bytes = (uint64_t)p->header_count * p->header_bytes;

    for (uint32_t i = 0; i < p->count; i++) {
        const struct elf_segment *s = &p->segments[i];
        if (offset >= s->file_offset && is_inside(offset - s->file_offset, bytes, s->file_bytes))
            return s->va + (offset - s->file_offset);
    }
    return 0;
}

static bool is_executable(const struct elf_program *p, vaddr_t va)
{
    for (uint32_t i = 0; i < p->count; i++)
        if ((p->segments[i].rights & RIGHT_EXEC) &&
            va - p->segments[i].va < p->segments[i].memory_bytes)
            return true;
    return false;
}

enum err elf_read(const void *bytes, size_t length, struct elf_program *program)
{
    struct elf_header h;
    struct elf_program p = {0};

    if (length < sizeof h)
        return ERR_BAD_ARG;
    memcpy(&h, bytes, sizeof h); /* the bytes may lie at any address */
    if (!check_file_header(&h, length))
        return ERR_BAD_ARG;
    for (uint32_t i = 0; i < h.segment_count; i++) {
        struct elf_program_header ph;
        memcpy(&ph, (const uint8_t *)bytes + h.segments + i * sizeof ph, sizeof ph);
        if (ph.type == ELF_LOAD && !add_segment(&p, &ph, length))
            return ERR_BAD_ARG;
        p.interpreted |= ph.type == ELF_INTERP;
    }
    p.entry = h.entry;
    p.movable = h.type == ELF_TYPE_DYN;
    if (!p.count || !is_executable(&p, p.entry))
        return ERR_BAD_ARG;
    const struct elf_segment *last = &p.segments[p.count - 1];
    p.low = p.segments[0].va & ~(PAGE_SIZE - 1);
    p.high = (last->va + last->memory_bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    p.header_count = h.segment_count;
    p.header_bytes = h.segment_bytes;
    p.headers_va = find_headers(&p, h.segments);
    *program = p;
    return ERR_OK;
}

rights_t elf_page_rights(const struct elf_program *program, vaddr_t va)
{
    rights_t rights = 0;

    for (uint32_t i = 0; i < program->count; i++) {
        const struct elf_segment *s = &program->segments[i];
        if (s->va < va + PAGE_SIZE && va < s->va + s->memory_bytes)
            rights |= s->rights;
    }
    return rights;
}

bool elf_is_separated(const struct elf_program *program)
{
    const rights_t both = RIGHT_WRITE | RIGHT_EXEC;

    /* A page with both rights holds the beginning or the end of a segment, or one has both. */
    for (uint32_t i = 0; i < program->count; i++) {
        const struct elf_segment *s = &program->segments[i];
        vaddr_t first = s->va & ~(PAGE_SIZE - 1);
        vaddr_t last = (s->va + s->memory_bytes - 1) & ~(PAGE_SIZE - 1);
        if ((elf_page_rights(program, first) & both) == both ||
            (elf_page_rights(program, last) & both) == both)
            return false;
    }
    return true;
}

void elf_fill_page(const struct elf_program *program, const void *bytes, vaddr_t va, void *page)
{
    for (uint32_t i = 0; i < program->count; i++) {
        const struct elf_segment *s = &program->segments[i];
        vaddr_t from = s->va > va ? s->va : va;
        vaddr_t to = s->va + s->file_bytes;
        if (to > va + PAGE_SIZE)
            to = va + PAGE_SIZE;
        if (from < to)
            memcpy((uint8_t *)page + (from - va),
                   (const uint8_t *)bytes + s->file_offset + (from - s->va), to - from);
    }
}

/* Each note is three words, the owner with its NUL, and a description; both padded to words. */
static bool find_note(const uint8_t *notes, uint64_t length, const char *owner, uint32_t type)
{
    uint64_t at = 0, owner_bytes = strlen(owner) + 1;

    while (is_inside(at, 12, length)) {
        uint32_t h[3]; /* bytes of the owner, of the description, type */
        memcpy(h, notes + at, sizeof h);
        at += sizeof h;
        uint64_t whole = (((uint64_t)h[0] + 3) & ~3ull) + (((uint64_t)h[1] + 3) & ~3ull);
        if (h[2] == type && h[0] == owner_bytes && is_inside(at, h[0], length) &&
            !memcmp(notes + at, owner, owner_bytes))
            return true;
        at += whole;
    }
    return false;
}

bool elf_has_note(const void *bytes, size_t length, const char *owner, uint32_t type)
{
    struct elf_header h;

    if (length < sizeof h)
        return false;
    memcpy(&h, bytes, sizeof h);
    if (!check_file_header(&h, length))
        return false;
    for (uint32_t i = 0; i < h.segment_count; i++) {
        struct elf_program_header ph;
        memcpy(&ph, (const uint8_t *)bytes + h.segments + i * sizeof ph, sizeof ph);
        if (ph.type == ELF_NOTE && is_inside(ph.offset, ph.file_bytes, length) &&
            find_note((const uint8_t *)bytes + ph.offset, ph.file_bytes, owner, type))
            return true;
    }
    return false;
}
