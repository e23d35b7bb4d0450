/* A pipe in shared memory. The writer alone advances `written`, the reader alone `read`. */
#include "libos/shm_pipe.h"

#include "libos/notify.h"
#include "libos/string.h"
#include "libos/vm.h"

#define RW (RIGHT_READ | RIGHT_WRITE)

static enum err show(struct shm_pipe *pipe, pfn_t first, uint32_t pages)
{
    vaddr_t va = 0;
    enum err e = vm_map_frames(pipe->frames, first, pages + 1, &va, RW);

    if (e)
        return e;
    pipe->shared = (struct shm_pipe_shared *)va;
    pipe->data = (uint8_t *)(va + PAGE_SIZE);
    pipe->size = pages * PAGE_SIZE;
    return vm_populate(va, (pages + 1) * PAGE_SIZE);
}

enum err shm_pipe_make(struct shm_pipe *pipe, uint32_t pages)
{
    pfn_t first;

    *pipe = (struct shm_pipe){.made = true};
    if (!pages || (pages & (pages - 1)))
        return ERR_BAD_ARG;
    enum err e = region_frames(pages + 1, &pipe->frames, &first);
    if (e == ERR_OK)
        e = notify_new(&pipe->readable);
    if (e == ERR_OK)
        e = notify_new(&pipe->writable);
    if (e == ERR_OK)
        e = show(pipe, first, pages);
    if (e == ERR_OK)
        *pipe->shared = (struct shm_pipe_shared){0};
    else
        shm_pipe_destroy(pipe);
    return e;
}

enum err shm_pipe_give(const struct shm_pipe *pipe, slot_t env, slot_t first)
{
    enum err e = exo_cap_copy(env, first, pipe->frames, RW, 0, 0);

    if (e == ERR_OK)
        e = exo_cap_copy(env, first + 1, pipe->readable, RW, 0, 0);
    return e ? e : exo_cap_copy(env, first + 2, pipe->writable, RW, 0, 0);
}

enum err shm_pipe_take(struct shm_pipe *pipe, slot_t first)
{
    const volatile struct cap *cap = slot_cap(first);

    *pipe = (struct shm_pipe){.frames = first, .readable = first + 1, .writable = first + 2};
    if (!cap || cap->kind != CAP_FRAMES || cap->count < 2 || (cap->count - 1) & (cap->count - 2))
        return ERR_BAD_CAP;
    return show(pipe, cap->base, cap->count - 1);
}

void shm_pipe_destroy(struct shm_pipe *pipe)
{
    const volatile struct cap *cap = pipe->made ? slot_cap(pipe->frames) : NULL;

    if (pipe->shared)
        vm_unmap((vaddr_t)pipe->shared, PAGE_SIZE + pipe->size);
    if (pipe->made && pipe->readable)
        slot_delete(pipe->readable);
    if (pipe->made && pipe->writable)
        slot_delete(pipe->writable);
    if (cap && pipe->frames)
        region_give_frames(pipe->frames, cap->base, cap->count);
    *pipe = (struct shm_pipe){0};
}

static uint64_t look(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Waits for the partner: says so, looks again, and sleeps. The partner raises the bit only when it
 * finds the word set, and looks at it after its own step; so one of the two sees the other. */
static enum err wait(uint32_t *waits, slot_t notification, const uint64_t *word, uint64_t seen)
{
    __atomic_store_n(waits, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != seen)
        return ERR_OK;
    return notify_until(notification, 1, FOREVER, NULL);
}

static void wake(uint32_t *waits, slot_t notification)
{
    if (__atomic_exchange_n(waits, 0, __ATOMIC_SEQ_CST))
        exo_notify(notification, 1);
}

enum err shm_pipe_write(struct shm_pipe *pipe, const void *bytes, uint64_t count)
{
    struct shm_pipe_shared *s = pipe->shared;
    const uint8_t *from = bytes;

    for (uint64_t at = look(&s->written); count;) {
        uint64_t read = look(&s->read), used = at - read;
        if (used > pipe->size)
            return ERR_BAD_STATE;
        if (used == pipe->size) {
            enum err e = wait(&s->writer_waits, pipe->writable, &s->read, read);
            if (e)
                return e;
            continue;
        }
        uint64_t place = at & (pipe->size - 1), part = pipe->size - used;
        if (part > pipe->size - place)
            part = pipe->size - place;
        if (part > count)
            part = count;
        memcpy(pipe->data + place, from, part);
        from += part;
        count -= part;
        at += part;
        __atomic_store_n(&s->written, at, __ATOMIC_SEQ_CST);
        wake(&s->reader_waits, pipe->readable);
    }
    return ERR_OK;
}

enum err shm_pipe_read(struct shm_pipe *pipe, void *bytes, uint64_t count, uint64_t *got)
{
    struct shm_pipe_shared *s = pipe->shared;
    uint64_t at = look(&s->read), written;

    if (!count)
        return ERR_BAD_ARG;
    while ((written = look(&s->written)) == at) {
        enum err e = wait(&s->reader_waits, pipe->readable, &s->written, at);
        if (e)
            return e;
    }
    if (written - at > pipe->size)
        return ERR_BAD_STATE;
    uint64_t place = at & (pipe->size - 1), part = written - at;
    if (part > count)
        part = count;
    *got = part;
    uint64_t first = part < pipe->size - place ? part : pipe->size - place;
    memcpy(bytes, pipe->data + place, first);
    memcpy((uint8_t *)bytes + first, pipe->data, part - first);
    __atomic_store_n(&s->read, at + part, __ATOMIC_SEQ_CST);
    wake(&s->writer_waits, pipe->writable);
    return ERR_OK;
}
