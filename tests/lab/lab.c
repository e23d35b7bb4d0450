/*
 * The lab: counts what the kernel's operations cost, on one machine in one boot, by the
 * exokernel's interface and by L4's. Prints one line for each result, which run_lab.py reads.
 * Started again by itself as `lab ROLE` it is the partner in another address space.
 */
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/servers/program.h"
#include "tests/lab/lab.h"

int main(int argc, char **argv)
{
    struct archive archive;
    enum err e = libos_setup();

    if (e)
        lab_fail("lab", e);
    if (argc > 1) {
        lab_play(argv[1]);
        return 1;
    }
    e = archive_map(&archive);
    if (e)
        lab_fail("lab", e);
    log_line("compiler gcc %s", __VERSION__);
    lab_vm(); /* first: whoever comes later gets frames that must be cleared */
    lab_calls();
    lab_pages();
    lab_upcalls();
    lab_ipc(&archive);
    lab_transfer(&archive);
    lab_rpc(&archive);
    lab_line(); /* last: it names another region as kernel memory */
    log_line("end");
    return 0;
}
