/* Free frames are poisoned. The linker gives us the calls of the frame table (--wrap), and we them
 * to it; and memory is remembered and compared here, past the poison. */
#include "tests/host/kernel_poison.h"

#include "tests/host/kernel_world.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>

void __real_frame_take(pfn_t first, uint32_t count, enum frame_type type, uint16_t owner,
                       uint32_t origin);
void __wrap_frame_take(pfn_t first, uint32_t count, enum frame_type type, uint16_t owner,
                       uint32_t origin);
void __real_frame_give(pfn_t first, uint32_t count);
void __wrap_frame_give(pfn_t first, uint32_t count);
void __real_frame_unbound(pfn_t n);
void __wrap_frame_unbound(pfn_t n);

static struct {
    uint64_t *memory;
    struct cpu cpus[2];
    struct env *envs[ENV_MAX];
} remembered;

static void poison(pfn_t n)
{
    if (frame_of(n)->type == FRAME_FREE)
        __asan_poison_memory_region(frame_memory(n), PAGE_SIZE);
}

void poison_free_frames(void)
{
    for (pfn_t n = 0; n < frame_count(); n++)
        poison(n);
}

void __wrap_frame_take(pfn_t first, uint32_t count, enum frame_type type, uint16_t owner,
                       uint32_t origin)
{
    __asan_unpoison_memory_region(frame_memory(first), (size_t)count * PAGE_SIZE);
    __real_frame_take(first, count, type, owner, origin);
}

void __wrap_frame_give(pfn_t first, uint32_t count)
{
    __real_frame_give(first, count);
    for (pfn_t n = first; n < first + count; n++)
        poison(n);
}

void __wrap_frame_unbound(pfn_t n)
{
    __real_frame_unbound(n);
    poison(n);
}

__attribute__((no_sanitize("address"))) void world_remember(void)
{
    const uint64_t *from = (const uint64_t *)(const void *)host.memory;

    if (!remembered.memory)
        remembered.memory = malloc(host.bytes);
    for (size_t i = 0; i < host.bytes / sizeof *from; i++)
        remembered.memory[i] = from[i];
    for (unsigned n = 0; n < 2; n++)
        remembered.cpus[n] = *cpu_number(n);
    for (unsigned n = 0; n < ENV_MAX; n++)
        remembered.envs[n] = env_by_number[n];
}

__attribute__((no_sanitize("address"))) bool world_is_same(void)
{
    const uint64_t *now = (const uint64_t *)(const void *)host.memory;

    for (size_t i = 0; i < host.bytes / sizeof *now; i++)
        if (remembered.memory[i] != now[i])
            return false;
    for (unsigned n = 0; n < 2; n++)
        if (__builtin_memcmp(&remembered.cpus[n], cpu_number(n), sizeof(struct cpu)) != 0)
            return false;
    for (unsigned n = 0; n < ENV_MAX; n++)
        if (remembered.envs[n] != env_by_number[n])
            return false;
    return true;
}
