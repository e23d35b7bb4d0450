/* Ending the program. */
#include "libos/exit.h"

#include "exo/abi/batch.h"
#include "libos/book.h"
#include "libos/call.h"

/* UTCBs of further threads, and a last place for the caller's own. */
static struct page_entry utcbs[EXIT_THREADS_MAX + 1];
static uint32_t utcb_count;

bool exit_add_utcb(vaddr_t utcb)
{
    if (utcb_count == EXIT_THREADS_MAX)
        return false;
    utcbs[utcb_count++].va = utcb;
    return true;
}

void exit_drop_utcb(vaddr_t utcb)
{
    for (uint32_t i = 0; i < utcb_count; i++)
        if (utcbs[i].va == utcb) {
            utcbs[i] = utcbs[--utcb_count];
            return;
        }
}

/* The first thread's UTCB stays for last, or the caller's own if it is another: entries are taken
 * in order, and with its own the caller is gone. */
static void unbind_utcbs(void)
{
    vaddr_t own = (vaddr_t)cpu_utcb_mr() - UTCB_MR;

    if (own != START_UTCB) {
        exit_drop_utcb(own);
        utcbs[utcb_count++].va = START_UTCB;
        exo_page_unbind(SLOT_ENV, (vaddr_t)utcbs, utcb_count);
        utcb_count = 0;
    }
    utcbs[utcb_count++].va = own;
    exo_page_unbind(SLOT_ENV, (vaddr_t)utcbs, utcb_count);
}

_Noreturn void libos_exit(int status)
{
    struct exit_record *record = (struct exit_record *)(START_UTCB + EXIT_OFFSET);

    exo_machine_off(SLOT_MACHINE, (uint32_t)status & 255); /* comes back if that is not ours */
    record->status = (uint32_t)status & 255;
    record->magic = EXIT_MAGIC;
    for (;;)
        unbind_utcbs();
}
