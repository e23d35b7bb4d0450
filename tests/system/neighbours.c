/* Starts the programs that `.exo4/neighbours` names, side by side, each an environment with a share
 * of the memory: words with their arguments, `;` between programs. Ends with the first. */
#include "exo/abi/error.h"
#include "exo/abi/kinfo.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/thread.h"

#define PROGRAMS_MOST 12u

static struct archive archive;

static enum err start(const char *const *words, uint32_t frames, uint32_t cpu,
                      struct spawn_child *child)
{
    struct spawn_args args = {
        .arguments = words, .give = SPAWN_GIVE_ALL, .memory_frames = frames, .cpu = cpu};

    return program_start(&archive, words[0], &args, child);
}

/* Cuts the list into programs; returns how many, at most PROGRAMS_MOST. */
static uint32_t cut(const char **words, const char **programs[PROGRAMS_MOST])
{
    uint32_t count = 0;

    for (bool begins = true; *words && count < PROGRAMS_MOST; words++) {
        if (begins)
            programs[count++] = words;
        begins = !strcmp(*words, ";");
        if (begins)
            *words = NULL;
    }
    return count;
}

int main(void)
{
    static struct spawn_child children[PROGRAMS_MOST];
    const char **words = NULL, **programs[PROGRAMS_MOST];
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e == ERR_OK)
        e = archive_words(&archive, ".exo4/neighbours", &words);
    const uint32_t count = e == ERR_OK ? cut(words, programs) : 0;
    const struct region_run run = region_longest();
    const uint32_t frames = (run.end - run.first) / (count + 1);
    for (uint32_t i = 0; i < count && e == ERR_OK; i++)
        e = start(programs[i], frames, i % KINFO->cpu_count, &children[i]);
    if (e != ERR_OK || !count) {
        log_error_line("neighbours: %s", e ? error_text(e) : "nobody is to be started");
        return 1;
    }
    return program_wait(programs[0][0], &children[0]);
}
