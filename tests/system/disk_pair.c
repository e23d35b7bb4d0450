/* Starts two families of processes side by side, each with half of the one disk and nothing of the
 * other half: two library file systems at once. Ends with the worse of their statuses. */
#include "exo/abi/error.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/thread.h"

#define FAMILIES 2u

static struct archive archive;
static struct spawn_child children[FAMILIES];

static enum err start(unsigned number, const struct archive_entry *program, uint32_t frames)
{
    static const char *const arguments[] = {"posix", NULL};
    const volatile struct cap *disk = slot_cap(SLOT_DISK);
    struct spawn_child *child = &children[number];
    struct spawn_args args = {.image = program->data,
                              .image_bytes = program->bytes,
                              .name = "posix",
                              .arguments = arguments,
                              .give = SPAWN_GIVE_ALL &
                                      ~(SPAWN_GIVE(SLOT_DISK) | SPAWN_GIVE(SLOT_MACHINE)),
                              .memory_frames = frames,
                              .cpu = THREAD_CPU_HERE};

    if (!disk)
        return ERR_NO_DEVICE;
    const uint32_t blocks = (uint32_t)disk->count / FAMILIES;
    enum err e = spawn_prepare(child, &args);
    if (e == ERR_OK)
        e = exo_cap_copy(child->env, SLOT_DISK, SLOT_DISK, disk->rights, number * blocks, blocks);
    return e ? e : spawn_run(child);
}

int main(void)
{
    struct archive_entry program;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e == ERR_OK)
        e = program_find(&archive, "posix", &program);
    const struct region_run run = region_longest();
    const uint32_t frames = (run.end - run.first) / (2 * FAMILIES);
    for (unsigned i = 0; i < FAMILIES && e == ERR_OK; i++)
        e = start(i, &program, frames);
    if (e) {
        log_line("disk_pair: %s", error_text(e));
        return 1;
    }
    const int first = program_wait("posix", &children[0]);
    const int second = program_wait("posix", &children[1]);
    return first > second ? first : second;
}
