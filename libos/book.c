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
    case INFO_COUNTS:
        copy(record, (const volatile struct env_counts *)WINDOW_COUNTS + number,
             sizeof(struct env_counts));
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
        [INFO_FRAMES] = sizeof(struct frame_info), [INFO_ENVS] = sizeof(struct env_info),
        [INFO_CPUS] = sizeof(struct cpu_info),     [INFO_OBJECTS] = sizeof(struct object_info),
        [INFO_COUNTS] = sizeof(struct env_counts),
    };
    char *to = records;

    for (uint32_t i = 0; i < count && !KINFO->hidden; i++)
        read_one(table, first + i, to + (size_t)i * bytes[table]);
    for (uint32_t i = 0, part; i < count && KINFO->hidden; i += part) {
        part = count - i < INFO_READ_MAX ? count - i : INFO_READ_MAX;
        exo_info_read(table, first + i, part, (vaddr_t)to + (size_t)i * bytes[table], SLOT_NONE);
    }
}

static void add_counts(struct env_counts *sum, uint32_t env, uint32_t cpu)
{
    struct env_counts c;

    book_read(INFO_COUNTS, env * KINFO->cpu_count + cpu, 1, &c);
    for (uint32_t i = 0; i < sizeof c / sizeof(uint64_t); i++)
        ((uint64_t *)sum)[i] += ((const uint64_t *)&c)[i];
}

struct env_counts book_cpu_counts(uint32_t cpu)
{
    struct env_counts sum = {0};

    for (uint32_t env = 0; env < ENV_MAX; env++)
        if (env == 0 || book_env_read(env).frame)
            add_counts(&sum, env, cpu);
    return sum;
}

struct env_counts book_env_counts(uint32_t env)
{
    struct env_counts sum = {0};

    for (uint32_t cpu = 0; cpu < KINFO->cpu_count; cpu++)
        add_counts(&sum, env, cpu);
    return sum;
}

uint64_t book_entries(const struct env_counts *c)
{
    return c->calls + c->links + c->transfers + c->foreign + c->fault_upcalls + c->faults +
           c->exception_upcalls + c->exceptions + c->interrupts;
}
