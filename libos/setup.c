/* Setting up all of libos. */
#include "libos/libos.h"

#include "libos/frames.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/upcall.h"
#include "libos/vm.h"

enum err libos_setup(void)
{
    enum err e = slots_init();

    if (e == ERR_OK)
        e = region_init();
    if (e == ERR_OK)
        upcall_init();
    return e == ERR_OK ? vm_init() : e;
}
