/*
 * Starts two programs side by side, each with half of the one disk and nothing of the other half:
 * two library file systems at once. Both are families of processes; or, with the argument `tree`,
 * the first is the guest test of that name, whose libraries have a file system of their own kind.
 * Ends with the worse of their statuses.
 */
#include "exo/abi/error.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/thread.h"

#define HALVES 2u

static struct archive archive;
static struct spawn_child children[HALVES];

static enum err start(unsigned number, const char *name, uint32_t frames)
{
    const char *const arguments[] = {name, NULL};
    const volatile struct cap *disk = slot_cap(SLOT_DISK);
    struct spawn_child *child = &children[number];
    struct archive_entry program;
    struct spawn_args args = {.name = name,
                              .arguments = arguments,
                              .give = SPAWN_GIVE_ALL &
                                      ~(SPAWN_GIVE(SLOT_DISK) | SPAWN_GIVE(SLOT_MACHINE)),
                              .memory_frames = frames,
                              .cpu = THREAD_CPU_HERE};

    if (!disk)
        return ERR_NO_DEVICE;
    const uint32_t blocks = (uint32_t)disk->count / HALVES;
    enum err e = program_find(&archive, name, &program);
    if (e)
        return e;
    args.image = program.data;
    args.image_bytes = program.bytes;
    e = spawn_prepare(child, &args);
    if (e == ERR_OK)
        e = exo_cap_copy(child->env, SLOT_DISK, SLOT_DISK, disk->rights, number * blocks, blocks);
    return e ? e : spawn_run(child);
}

int main(int argc, char **argv)
{
    const char *const names[HALVES] = {argc > 1 && !strcmp(argv[1], "tree") ? "tree" : "posix",
                                       "posix"};
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    const struct region_run run = region_longest();
    const uint32_t frames = (run.end - run.first) / (2 * HALVES);
    for (unsigned i = 0; i < HALVES && e == ERR_OK; i++)
        e = start(i, names[i], frames);
    if (e) {
        log_line("disk_pair: %s", error_text(e));
        return 1;
    }
    const int first = program_wait(names[0], &children[0]);
    const int second = program_wait(names[1], &children[1]);
    return first > second ? first : second;
}
