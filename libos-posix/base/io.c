/* Transfers: scattered user memory, or one piece of core memory, behind one interface. */
#include "libos-posix/base/io.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/base/mem.h"

void io_init_parts(struct io *io, const struct process *p, const struct linux_iovec *parts,
                   size_t count)
{
    *io = (struct io){.process = p, .parts = parts, .part_count = count};
    for (size_t i = 0; i < count; i++)
        io->left += parts[i].bytes;
}

void io_init_user(struct io *io, struct linux_iovec *one, const struct process *p, vaddr_t base,
                  size_t bytes)
{
    *one = (struct linux_iovec){base, bytes};
    io_init_parts(io, p, one, 1);
}

void io_init_core(struct io *io, struct linux_iovec *one, void *base, size_t bytes)
{
    io_init_user(io, one, NULL, (vaddr_t)base, bytes);
}

/* The three things that a move does with one piece, which the program may use so. */
enum direction { PUT, PUT_ZEROS, GET };

static void move_piece(vaddr_t at, enum direction way, void *core, size_t n)
{
    if (way == GET)
        memcpy(core, (const void *)at, n);
    else if (way == PUT)
        memcpy((void *)at, core, n);
    else
        memset((void *)at, 0, n);
}

static long move(struct io *io, enum direction way, char *core, size_t bytes)
{
    size_t done = 0;

    while (done < bytes && io->left) {
        const struct linux_iovec *part = &io->parts[io->part];
        size_t n = part->bytes - io->part_done;
        if (n > bytes - done)
            n = bytes - done;
        if (!n) {
            io->part++;
            io->part_done = 0;
            continue;
        }
        vaddr_t at = part->base + io->part_done;
        if (io->process) { /* up to where the program's memory ends, as far as it goes */
            size_t usable = area_extent(io->process, at, way == GET ? RIGHT_READ : RIGHT_WRITE);
            if (n > usable)
                n = usable;
        }
        if (!n)
            return done ? (long)done : -EFAULT;
        move_piece(at, way, core ? core + done : NULL, n);
        io->part_done += n;
        io->left -= n;
        done += n;
    }
    return (long)done;
}

bool io_is_whole(const struct io *io, size_t bytes)
{
    const struct linux_iovec *part = &io->parts[io->part];

    return part->bytes - io->part_done >= bytes &&
           (!io->process ||
            area_extent(io->process, part->base + io->part_done, RIGHT_READ) >= bytes);
}

long io_put(struct io *io, const void *from, size_t bytes)
{
    return move(io, PUT, (char *)(uintptr_t)from, bytes);
}

long io_put_zeros(struct io *io, size_t bytes)
{
    return move(io, PUT_ZEROS, NULL, bytes);
}

long io_get(struct io *io, void *to, size_t bytes)
{
    return move(io, GET, to, bytes);
}
