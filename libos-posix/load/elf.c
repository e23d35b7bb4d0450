/* Judging an ELF file. */
#include "libos-posix/load/elf.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"

#define ALIGN_MAX ((uint64_t)1 << 30)

long elf_check_header(const struct elf_header *h, uint64_t file_bytes)
{
    if (file_bytes < sizeof *h || !elf_is_native(h))
        return -ENOEXEC;
    if ((h->type != ELF_TYPE_EXEC && h->type != ELF_TYPE_DYN) || h->machine != ELF_MACHINE_86)
        return -ENOEXEC;
    if (h->segment_bytes != sizeof(struct elf_program_header) || !h->segment_count ||
        h->segment_count > ELF_HEADERS_MAX)
        return -ENOEXEC;

    uint64_t table = (uint64_t)h->segment_count * sizeof(struct elf_program_header);
    if (h->segments > file_bytes || table > file_bytes - h->segments)
        return -ENOEXEC;
    return 0;
}

static rights_t rights_of(uint32_t flags)
{
    return (flags & ELF_READ ? RIGHT_READ : 0) |
           (flags & ELF_WRITE ? RIGHT_READ | RIGHT_WRITE : 0) |
           (flags & ELF_EXEC ? RIGHT_READ | RIGHT_EXEC : 0);
}

static vaddr_t page_down(vaddr_t va)
{
    return va & ~(PAGE_SIZE - 1);
}

static bool segment_is_good(const struct elf_program_header *h, uint64_t file_bytes)
{
    bool align = (h->align & (h->align - 1)) == 0 && h->align <= ALIGN_MAX;
    bool in_file = h->offset <= file_bytes && h->file_bytes <= file_bytes - h->offset;
    bool in_space = h->va < USER_TOP && h->memory_bytes <= USER_TOP - h->va;
    return align && in_file && in_space && h->file_bytes <= h->memory_bytes;
}

/* Adds a segment behind the others. Pre: segment_is_good. */
static long segment_add(struct elf_image *image, const struct elf_program_header *h)
{
    vaddr_t low = page_down(h->va);
    vaddr_t high = page_down(h->va + h->memory_bytes + PAGE_SIZE - 1);

    if (image->segment_count == ELF_SEGMENTS_MAX)
        return -ENOEXEC;
    if (image->segment_count && low < image->high)
        return -ENOEXEC; /* not ascending, or two on one page */
    if (!image->segment_count)
        image->low = low;
    image->high = high;
    if (h->align > image->align)
        image->align = h->align;
    image->segments[image->segment_count++] =
        (struct elf_segment){h->va, h->memory_bytes, h->offset, h->file_bytes, rights_of(h->flags)};
    return 0;
}

static bool is_in_file_part(const struct elf_segment *s, uint64_t offset, uint64_t bytes)
{
    return offset >= s->offset && offset - s->offset <= s->file_bytes &&
           bytes <= s->file_bytes - (offset - s->offset);
}

/* Where the path of the dynamic linker is: what the first such header says. */
static bool linker_set(struct elf_image *image, const struct elf_program_header *h)
{
    if (image->linker_bytes)
        return true;
    image->linker_at = h->offset;
    image->linker_bytes = h->file_bytes;
    return h->file_bytes >= 2 && h->file_bytes <= ELF_LINKER_MAX;
}

long elf_check_segments(const struct elf_header *h, const struct elf_program_header *headers,
                        uint64_t file_bytes, struct elf_image *out)
{
    uint64_t table = (uint64_t)h->segment_count * sizeof *headers;
    bool entry_is_code = false;

    *out = (struct elf_image){.relocatable = h->type == ELF_TYPE_DYN,
                              .align = PAGE_SIZE,
                              .entry = h->entry,
                              .header_count = h->segment_count};
    for (unsigned i = 0; i < h->segment_count; i++) {
        if (headers[i].type == ELF_STACK)
            out->runs_stack = headers[i].flags & ELF_EXEC;
        if (headers[i].type == ELF_INTERP && !linker_set(out, &headers[i]))
            return -ENOEXEC;
        if (headers[i].type != ELF_LOAD || !headers[i].memory_bytes)
            continue;
        long e =
            segment_is_good(&headers[i], file_bytes) ? segment_add(out, &headers[i]) : -ENOEXEC;
        if (e)
            return e;
        const struct elf_segment *s = &out->segments[out->segment_count - 1];
        if (is_in_file_part(s, h->segments, table))
            out->headers = s->start + (h->segments - s->offset);
        if ((s->rights & RIGHT_EXEC) && h->entry >= s->start &&
            h->entry - s->start < s->memory_bytes)
            entry_is_code = true;
    }
    return entry_is_code ? 0 : -ENOEXEC;
}
