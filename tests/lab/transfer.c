/* Experiment: protected control transfer into another space, and back; by the capability that was
 * looked up last, and by another. */
#include "libos/call.h"
#include "libos/slots.h"
#include "tests/lab/lab.h"
#include "tests/lab/probe.h"

static struct lab_series in, out, lookup;

/* By two capabilities in turn, so that none is the one that was looked up last. */
static void look_up(slot_t server, uint64_t empty)
{
    slot_t slots[2] = {server, SLOT_NONE};
    struct lab_trip trip;
    enum err e = slot_take(&slots[1]);

    if (e == ERR_OK)
        e = exo_cap_copy(SLOT_ENV, slots[1], server, RIGHT_EXEC, 0, 0);
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS && e == ERR_OK; i++) {
        struct lab_sample before = lab_counters();
        e = (enum err)probe_pct(&trip, slots[i % 2]);
        lab_keep(&lookup, i, trip.inside - trip.before, before);
    }
    if (e)
        lab_fail("pct.lookup", e);
    lab_report("pct.lookup", &lookup, empty, 1, 2);
}

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
    look_up(child.thread, empty);
    spawn_destroy(&child);
}
