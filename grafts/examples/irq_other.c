/* The upper half of an interrupt handler: tells the driver of every other interrupt. */
#include "grafts/include/graft_helpers.h"

uint64_t irq_other(const struct graft_irq *irq);

GRAFT(irq) uint64_t irq_other(const struct graft_irq *irq)
{
    return irq->count & 1;
}
