/*
 * Invariants of threads and CPUs, which no structure in memory tells alone:
 *   W3  a thread is where its state says: queued, running or waiting
 *   W5  no CPU holds a translation that the tables no longer have
 *   W6  nor does the IOMMU
 *   W8  a CPU lets performance counters be read exactly when its thread may
 * Those of forest, frames and tables (bindings/check.c) the kernel looks at itself at its doors.
 */
#include "tests/host/kernel_world.h"

#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/arch/host/devices.h"
#include "exo/env/meter.h"
#include "exo/env/sched.h"
#include "l4core/ipc.h"

#define CPUS 2u

static bool is_queued(const struct thread *t)
{
    const struct list *q = &cpu_number(t->cpu)->ready[t->priority];

    for (const struct list *l = q->next; l != q; l = l->next)
        if (l == &t->queue)
            return true;
    return false;
}

static const char *check_thread(struct thread *t)
{
    bool current = cpu_number(t->cpu)->current == t;

    if (is_queued(t) != (t->state == THREAD_READY))
        return "W3: a thread is queued and not ready, or ready and not queued";
    if (t->state == THREAD_RUNNING && !current)
        return "W3: a thread runs that is not current";
    if (!t->env && (t->state == THREAD_READY || t->state == THREAD_RUNNING))
        return "W3: an interrupt line runs";
    if (t->env && t->utcb_va == UTCB_NONE && t->state != THREAD_STOPPED && t->state != THREAD_DEAD)
        return "W3: an inactive thread does something";
    bool has_utcb = t->state != THREAD_DEAD && t->utcb_va != UTCB_NONE;
    if (has_utcb && !t->utcb_node.parent)
        return "W3: a thread lives without UTCB";
    if (has_utcb && arch_pte_address(*node_entry(node_at(t->utcb_node.parent), &(pfn_t){0})) !=
                        arch_phys_of(t->utcb))
        return "W3: a UTCB lies elsewhere";
    if (t->state == THREAD_IPC_SEND && list_is_empty(&t->send_link))
        return "W3: a sender is in no queue";
    if (t->state != THREAD_IPC_SEND && !t->ipc_cap && !list_is_empty(&t->send_link))
        return "W3: a thread is queued to send and does not";
    if (t->ipc_cap && t->state != THREAD_IPC_SEND && t->state != THREAD_IPC_RECEIVE)
        return "W3: a thread is queued at an endpoint or a notification and does not wait";
    if (t->state == THREAD_PCT_CALLING && t->pct_target->pct_caller != t)
        return "W3: a callee does not know its caller";
    if (!t->notify_node.parent != list_is_empty(&t->bound_link))
        return "D3: a bound notification and its node disagree";
    const char *broken = meter_check(t);
    return broken ? broken : ipc_check(t);
}

static const char *check_cpu(struct cpu *c)
{
    struct arch_cpu *before = host.cpu;
    vaddr_t va;

    host.cpu = &c->arch;
    const char *broken = sched_check();
    host.cpu = before;
    if (!broken && c->current && c->arch.counters != (c->current->counters >> c->number & 1))
        return "W8: a CPU lets counters be read by who may not, or not by who may";
    if (!broken && host_tlb_stale(c->number, &va))
        return "W5: a CPU holds a stale translation";
    host_tlb_fill(c->number);
    return broken;
}

const char *world_broken(void)
{
    const char *broken = NULL;

    for (uint32_t i = 0; !broken && i < THREAD_MAX; i++)
        if (thread_by_number(i))
            broken = check_thread(thread_by_number(i));
    for (unsigned i = 0; !broken && i < CPUS; i++)
        broken = check_cpu(cpu_number(i));
    if (!broken && host_io_stale())
        broken = "W6: the IOMMU holds a stale translation";
    host_io_fill();
    return broken;
}
