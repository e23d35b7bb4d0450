/* Notifications: what was deferred is raised by a call. */
#include "libos/notify.h"

void notify_deferred(void)
{
    volatile struct utcb_exo *x = book_utcb();
    const word_t bits = x->deferred_bits, slot = x->deferred;

    x->deferred_bits = 0; /* if the kernel was quicker, these bits come twice */
    if (bits)
        exo_notify((slot_t)slot, bits);
}
