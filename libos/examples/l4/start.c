/* How an L4 example begins on exo4: privilege, kernel memory and areas for the space it is in. */
#include "libos/examples/l4/example.h"

#include "libos/call.h"
#include "libos/exit.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/slots.h"

#define KERNEL_FRAMES 512u
#define LINE_MAX      256u

L4_Word_t root_utcbs = UTCB_AREA;

void say(const char *format, ...)
{
    char line[LINE_MAX];
    va_list list;

    va_start(list, format);
    print_format_list(line, sizeof line, format, list);
    va_end(list);
    log_line("%s", line);
}

_Noreturn void fail(const char *what)
{
    say("%s: error %lu", what, L4_ErrorCode());
    libos_exit(1);
}

/* Memory that threads, spaces and page tables are made from. */
static enum err give_kernel_memory(void)
{
    slot_t slot;
    pfn_t first;
    enum err e = slot_take(&slot);

    if (e == ERR_OK)
        e = region_find(KERNEL_FRAMES, &first);
    if (e == ERR_OK)
        e = exo_cap_copy(SLOT_ENV, slot, SLOT_MEMORY, RIGHT_ALL, first, KERNEL_FRAMES);
    return e == ERR_OK ? exo_env_kmem(SLOT_ENV, slot) : e;
}

int main(void)
{
    L4_Word_t old;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = give_kernel_memory();
    if (e == ERR_OK)
        e = exo_env_privilege(SLOT_ENV, SLOT_MACHINE);
    if (e)
        fail("an example of L4 needs the machine and memory");
    if (!L4_SpaceControl(L4_Myself(), 0, L4_FpageLog2(KIP_AREA, PAGE_LOG2),
                         L4_FpageLog2(UTCB_AREA, UTCB_LOG2), L4_nilthread, &old))
        fail("areas of the root space");
    return example();
}
