/* Experiment: protected control transfer into another space, and back. */
#include "tests/lab/lab.h"
#include "tests/lab/probe.h"

static struct lab_series in, out;

void lab_transfer(const struct archive *a)
{
    uint64_t empty = lab_empty_probe();
    struct spawn_child child;
    struct lab_trip trip;

    lab_partner(a, "transfer", &child);
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        enum err e = (enum err)probe_pct(&trip, child.thread);
        if (e)
            lab_fail("pct.oneway", e);
        lab_keep(&in, i, trip.inside - trip.before, before);
        lab_keep(&out, i, trip.after - trip.leaving, before);
    }
    lab_report("pct.oneway", &in, empty, 1, 2);
    lab_report("pct.return", &out, empty, 1, 2);
    spawn_destroy(&child);
}
