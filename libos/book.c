/* The kernel's book-keeping, copied record by record. */
#include "libos/book.h"

#include "libos/call.h"

/* All records consist of such words; each is read once. */
static void copy(void *to, const volatile void *from, uint32_t bytes)
{
    const volatile uint64_t *f = from;
    uint64_t *t = to;

    for (uint32_t i = 0; i < bytes / sizeof *t; i++)
        t[i] = f[i];
}

/* Copies a record between two looks at its sequence count, until they are the same, and even. */
static void copy_whole(void *to, const volatile void *from, uint32_t bytes,
                       const volatile uint32_t *sequence)
{
    for (;;) {
        uint32_t before = __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
        copy(to, from, bytes);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (before % 2 == 0 && *sequence == before)
            return;
        cpu_pause();
    }
}

static void read_one(enum info_table table, uint32_t number, void *record)
{
    switch (table) {
    case INFO_FRAMES:
        copy_whole(record, book_frame(number), sizeof(struct frame_info), &KINFO->frame_sequence);
        break;
    case INFO_ENVS:
        copy_whole(record, book_env(number), sizeof(struct env_info), &book_env(number)->sequence);
        break;
    case INFO_CPUS:
        copy(record, book_cpu(number), sizeof(struct cpu_info)); /* each word for itself */
        break;
    default:
        copy_whole(record, book_object(number), sizeof(struct object_info),
                   &book_object(number)->sequence);
        break;
    }
}

void book_read(enum info_table table, uint32_t first, uint32_t count, void *records)
{
    static const uint32_t bytes[] = {
        [INFO_FRAMES] = sizeof(struct frame_info),
        [INFO_ENVS] = sizeof(struct env_info),
        [INFO_CPUS] = sizeof(struct cpu_info),
        [INFO_OBJECTS] = sizeof(struct object_info),
    };
    char *to = records;

    for (uint32_t i = 0; i < count && !KINFO->hidden; i++)
        read_one(table, first + i, to + (size_t)i * bytes[table]);
    for (uint32_t i = 0, part; i < count && KINFO->hidden; i += part) {
        part = count - i < INFO_READ_MAX ? count - i : INFO_READ_MAX;
        exo_info_read(table, first + i, part, (vaddr_t)to + (size_t)i * bytes[table], SLOT_NONE);
    }
}
