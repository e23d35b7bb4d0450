/*
 * The lab: counts what the kernel's operations cost, on one machine in one boot, by the
 * exokernel's interface and by L4's. Prints one line for each result, which run_lab.py reads. `lab
 * GROUP` runs one group of experiments, `lab timeless` those in which nobody sleeps. Started again
 * by itself as `lab as ROLE` it is the partner in another address space.
 */
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "tests/lab/lab.h"

/* Virtual memory first: whoever comes later gets frames that must be cleared; lines and
 * other interrupts last, who name another region as kernel memory. */
static const struct group {
    const char *name;
    void (*run)(const struct archive *a);
} groups[] = {{"vm", lab_vm},           {"calls", lab_calls},   {"pages", lab_pages},
              {"upcalls", lab_upcalls}, {"ipc", lab_ipc},       {"transfer", lab_transfer},
              {"rpc", lab_rpc},         {"grafts", lab_grafts}, {"policies", lab_policies},
              {"slices", lab_slices},   {"line", lab_line},     {"moments", lab_moments}};

/* Lines interrupt who sleeps. */
static bool is_wanted(const struct group *g, const char *only)
{
    if (only && strcmp(only, "timeless") == 0)
        return g->run != lab_line && g->run != lab_moments;
    return !only || strcmp(only, g->name) == 0;
}

/* All groups, those that are timeless, or the one with that name. */
static void run_groups(const struct archive *a, const char *only)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (is_wanted(&groups[i], only)) {
            log_line("group %s", groups[i].name);
            groups[i].run(a);
        }
}

int main(int argc, char **argv)
{
    struct archive archive;
    enum err e = libos_setup();

    if (e)
        lab_fail("lab", e);
    if (argc > 2) {
        lab_play(argv[2]);
        return 1;
    }
    e = archive_map(&archive);
    if (e)
        lab_fail("lab", e);
    log_line("compiler gcc %s", __VERSION__);
    run_groups(&archive, argc > 1 ? argv[1] : NULL);
    log_line("end");
    return 0;
}
