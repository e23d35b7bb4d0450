/* Transfers: scattered user memory, or one piece of core memory, behind one interface. */
#include "libos-posix/base/io.h"

#include "libos-posix/abi/errno.h"

void io_init_parts(struct io *io, struct process *p, const struct linux_iovec *parts, size_t count)
{
    *io = (struct io){.process = p, .next = parts, .next_count = count};
    for (size_t i = 0; i < count; i++)
        io->left += parts[i].bytes;
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

static void next_part(struct io *io)
{
    io->at = io->next->base;
    io->here = io->next->bytes;
    io->next++;
    io->next_count--;
}

static long move(struct io *io, enum direction way, char *core, size_t bytes)
{
    size_t done = 0;

    while (done < bytes && io->left) {
        size_t n = io->here < bytes - done ? io->here : bytes - done;
        if (!n) {
            if (!io->next_count)
                break;
            next_part(io);
            continue;
        }
        if (io->process) { /* up to where the program's memory ends, as far as it goes */
            size_t usable = area_extent(io->process, io->at, way == GET ? RIGHT_READ : RIGHT_WRITE);
            if (n > usable)
                n = usable;
        }
        if (!n)
            return done ? (long)done : -EFAULT;
        move_piece(io->at, way, core ? core + done : NULL, n);
        io_advance(io, n);
        done += n;
    }
    return (long)done;
}

long io_put_parts(struct io *io, const void *from, size_t bytes)
{
    return move(io, PUT, (char *)(uintptr_t)from, bytes);
}

long io_put_zeros_parts(struct io *io, size_t bytes)
{
    return move(io, PUT_ZEROS, NULL, bytes);
}

long io_get_parts(struct io *io, void *to, size_t bytes)
{
    return move(io, GET, to, bytes);
}
