/* What run_lines.py steps through: the same IPC again and again, to a partner in another space. */
#include <l4/ipc.h>

#include "libos/libos.h"
#include "libos/log.h"
#include "tests/lab/lab.h"

int main(void)
{
    struct archive archive;
    struct spawn_child child;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e)
        lab_fail("ipc.lines", e);
    lab_partner(&archive, "closed", &child);
    log_line("stepping");
    for (;;) {
        L4_Set_MsgTag(L4_Niltag);
        L4_Call(L4_ThreadIdOf(child.thread_id));
    }
}
