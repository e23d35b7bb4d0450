/* Loading a program: which files are mapped, and where; the dynamic linker among them. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/base/io.h"
#include "libos-posix/file/access.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/path.h"
#include "libos-posix/load/exec.h"
#include "libos-posix/process/process.h"

long exec_read(struct node *n, uint64_t at, void *to, size_t bytes)
{
    struct io io;

    io_init_core(&io, to, bytes);
    return data_read(n, at, &io) == (long)bytes ? 0 : -ENOEXEC;
}

long exec_find(struct process *p, const char *path, struct walk *w)
{
    long e = path_walk(p, (word_t)AT_FDCWD, path, WALK_FOLLOW, w);
    if (e)
        return e;
    if (!w->node)
        return -ENOENT;
    const struct mount *m = mount_of(w->node);
    if (!node_is(w->node, S_IFREG) || w->node->made_up || (m && m->no_exec))
        return -EACCES;
    e = access_check(p, w->node, MAY_EXECUTE);
    return e ? e : w->node->writers ? -ETXTBSY : 0;
}

long exec_read_image(struct node *n, struct elf_image *out)
{
    struct elf_program_header headers[ELF_HEADERS_MAX];
    struct elf_header header;

    long e = exec_read(n, 0, &header, sizeof header);
    if (!e)
        e = elf_check_header(&header, n->size);
    if (!e)
        e = exec_read(n, header.segments, headers, header.segment_count * sizeof headers[0]);
    return e ? e : elf_check_segments(&header, headers, n->size, out);
}

long exec_find_linker(struct process *p, struct node *n, struct exec_program *program)
{
    const struct elf_image *image = &program->image.elf;
    char path[ELF_LINKER_MAX];
    struct walk w;

    if (!image->linker_bytes)
        return 0;
    long e = exec_read(n, image->linker_at, path, image->linker_bytes);
    if (e)
        return -EIO;
    if (path[image->linker_bytes - 1])
        return -ENOEXEC;
    e = exec_find(p, path, &w);
    if (e)
        return e;
    if (w.node->size < sizeof(struct elf_header))
        return -EIO;
    if (exec_read_image(w.node, &program->linker.elf))
        return -ELIBBAD;
    program->linker_node = w.node;
    node_hold(w.node);
    return 0;
}

static bool overlap(vaddr_t a, vaddr_t a_end, vaddr_t b, vaddr_t b_end)
{
    return a < b_end && b < a_end;
}

/* What the present program has is not in the way, but what was there before the core is. */
static bool is_place(const struct process *p, const struct exec_image *image, bool replaces)
{
    const struct port_layout *l = port_layout();
    const vaddr_t low = image->elf.low + image->bias, high = image->elf.high + image->bias;

    if (low < l->program_low || high > l->program_high || high < low)
        return false;
    for (const struct area *a = p->areas; a; a = a->next)
        if ((a->adopted || !replaces) && overlap(low, high, a->start, a->end))
            return false;
    return true;
}

/* A program that can be moved starts low in the map range, so that its break can grow; its dynamic
 * linker, which nothing grows behind, ends where the range does. */
long exec_place(const struct process *p, struct exec_program *program)
{
    const struct port_layout *l = port_layout();
    struct exec_image *image = &program->image, *linker = &program->linker;

    image->bias = linker->bias = 0;
    if (image->elf.relocatable) {
        const vaddr_t mask = ~(image->elf.align - 1);
        image->bias = ((l->map_low + image->elf.align - 1) & mask) - (image->elf.low & mask);
    }
    if (!is_place(p, image, program->replaces))
        return -ENOMEM;
    if (!program->linker_node)
        return 0;

    if (linker->elf.relocatable) {
        const vaddr_t mask = ~(linker->elf.align - 1), bytes = linker->elf.high - linker->elf.low;
        if (bytes > l->map_high - l->map_low)
            return -ENOMEM;
        linker->bias = ((l->map_high - bytes) & mask) - (linker->elf.low & mask);
        if (linker->bias + linker->elf.high > l->map_high)
            linker->bias -= linker->elf.align; /* it does not begin where its alignment does */
    }
    return is_place(p, linker, program->replaces) &&
                   !overlap(image->elf.low + image->bias, image->elf.high + image->bias,
                            linker->elf.low + linker->bias, linker->elf.high + linker->bias)
               ? 0
               : -ENOMEM;
}
