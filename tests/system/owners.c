/* Starts web servers side by side, each an environment with a ring of its own on the one card: two
 * on two ports of one address, one on another address. */
#include "exo/abi/error.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/thread.h"

#define SERVERS 3u

static struct archive archive;

static enum err start(const char *port, const char *address, uint32_t frames,
                      struct spawn_child *child)
{
    const char *const arguments[] = {"http", port, address, NULL};
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE_ALL,
                              .memory_frames = frames,
                              .cpu = THREAD_CPU_HERE};

    return program_start(&archive, "http", &args, child);
}

int main(void)
{
    static const char *const servers[SERVERS][2] = {
        {"80", "10.0.2.15"}, {"8080", "10.0.2.15"}, {"80", "10.0.2.16"}};
    struct spawn_child children[SERVERS];
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    const struct region_run run = region_longest();
    const uint32_t frames = (run.end - run.first) / (2 * SERVERS);
    for (unsigned i = 0; i < SERVERS && e == ERR_OK; i++)
        e = start(servers[i][0], servers[i][1], frames, &children[i]);
    if (e != ERR_OK) {
        log_line("owners: %s", error_text(e));
        return 1;
    }
    return program_wait("http", &children[0]);
}
