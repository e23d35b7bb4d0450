/* Calls: what a driver in an environment needs beside memory: port ranges, and interrupt lines as
 * notifications. */
#include "bindings/irq.h"

#include "bindings/cap.h"
#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/place.h"
#include "exo/arch/io.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/entry/handlers.h"
#include "exo/entry/init.h"
#include "exo/env/cpu.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/boot_mem.h"
#include "exo/mem/frame.h"

/* A line's binding hangs on both: whoever takes one of the two away ends it. */
struct line {
    struct node authority; /* child of the CAP_IRQ           */
    struct node target;    /* child of the CAP_NOTIFICATION  */
    struct node handler;   /* child of a graft's capability  */
};

static struct line *lines; /* [IRQ_LINES], in a frame of nodes      */
static uint64_t line_bits[IRQ_LINES];
static uint64_t line_counts[IRQ_LINES]; /* times that it fired */
static bool routed[IRQ_LINES];          /* to here, from the first binding on */

void irq_init(void)
{
    paddr_t frame = boot_frames(1);

    lines = arch_phys(frame);
    frame_mark((pfn_t)(frame >> PAGE_BITS), 1, FRAME_CPU);
}

static bool is_bound(uint32_t number)
{
    return lines[number].authority.parent && lines[number].target.parent;
}

/* Is the line the kernel's own? */
static bool is_kernels(uint32_t number)
{
    return !routed[number] && arch_line_routed(number);
}

/* Does whoever the line is bound to want to be told? */
static bool is_wanted(uint32_t number)
{
    struct graft_irq context = {.count = line_counts[number], .time = arch_ticks(), .line = number};

    return !lines[number].handler.parent || graft_call(&lines[number].handler, &context, 1);
}

struct node *irq_place(uint32_t line)
{
    return line >= IRQ_LINES || is_kernels(line) ? NULL : &lines[line].handler;
}

static void fired(uint32_t number)
{
    forest_lock();
    line_counts[number]++;
    struct thread *t = thread_by_number(number);
    if (t)
        hook_line_fired(t);
    else if (is_bound(number) && is_wanted(number)) {
        const struct cap *c =
            (const struct cap *)(const void *)node_at(lines[number].target.parent);
        notification_raise(frame_memory(c->base), line_bits[number]);
    }
    forest_unlock();
}

#define LINES(X)                                                                                   \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define HANDLER(n)                                                                                 \
    static void fired_##n(void)                                                                    \
    {                                                                                              \
        fired(n);                                                                                  \
    }
LINES(HANDLER)
#define ENTRY(n) fired_##n,
static void (*const handlers[])(void) = {LINES(ENTRY)};
_Static_assert(sizeof handlers / sizeof handlers[0] == IRQ_LINES, "each line has a handler");

static void unbind(uint32_t number)
{
    if (lines[number].authority.parent)
        node_unlink(&lines[number].authority);
    if (lines[number].target.parent)
        node_unlink(&lines[number].target);
}

/* A line that fired while nobody listened to it, or for who did then, is held. */
static void route(uint32_t number)
{
    if (routed[number])
        arch_line_release(number);
    else
        arch_line_route(number, handlers[number]);
    routed[number] = true;
}

bool irq_listen(uint32_t number)
{
    if (is_kernels(number) || is_bound(number))
        return false;
    route(number);
    return true;
}

struct irq_plan {
    struct cap *irq, *target; /* no target: unbind                             */
    bool again;               /* it is so bound: that releases the line, if held */
};

/* Is the line bound in just that way? */
static bool is_so_bound(const struct sys_irq_bind_args *a, const struct irq_plan *p)
{
    const struct line *l = &lines[a->line];

    return p->target && line_bits[a->line] == a->bits &&
           l->authority.parent == node_name(&p->irq->node) &&
           l->target.parent == node_name(&p->target->node);
}

static enum err check_irq(const struct env *e, const struct sys_irq_bind_args *a,
                          struct irq_plan *p)
{
    bool binds = a->notification != SLOT_NONE;

    p->irq = cap_find(e, a->irq, CAP_IRQ);
    p->target = cap_find(e, a->notification, CAP_NOTIFICATION);
    if (binds && !a->bits)
        return ERR_BAD_ARG;
    if (p->irq && (a->line < p->irq->base || a->line - p->irq->base >= p->irq->count))
        return ERR_BAD_ARG;
    if (!p->irq || (binds && !p->target))
        return ERR_BAD_CAP;
    if (!(p->irq->rights & RIGHT_WRITE) || (binds && !(p->target->rights & RIGHT_WRITE)))
        return ERR_NO_RIGHT;
    if (is_kernels(a->line))
        return ERR_IN_USE;
    p->again = is_so_bound(a, p);
    bool in_use = (is_bound(a->line) && !p->again) || thread_by_number(a->line);
    return binds && in_use ? ERR_IN_USE : ERR_OK;
}

int sys_irq_bind(struct thread *caller, const struct sys_irq_bind_args *a, word_t *result)
{
    struct irq_plan p;
    enum err e = check_irq(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    if (p.again) {
        arch_line_release(a->line);
        return ERR_OK;
    }
    unbind(a->line);
    if (!p.target)
        return ERR_OK;
    line_bits[a->line] = a->bits;
    node_link(&p.irq->node, &lines[a->line].authority);
    node_link(&p.target->node, &lines[a->line].target);
    route(a->line);
    return ERR_OK;
}

/* Checks what both calls on ports share. */
static enum err check_port(const struct env *e, slot_t slot, uint32_t port, uint32_t width,
                           rights_t need)
{
    const struct cap *c = cap_find(e, slot, CAP_PORTS);

    if (width != 1 && width != 2 && width != 4)
        return ERR_BAD_ARG;
    if (c && (port < c->base || port - c->base >= c->count || width > c->count - (port - c->base)))
        return ERR_BAD_ARG;
    if (!c)
        return ERR_BAD_CAP;
    return need & ~(rights_t)c->rights ? ERR_NO_RIGHT : ERR_OK;
}

int sys_port_read(struct thread *caller, const struct sys_port_read_args *a, word_t *result)
{
    enum err e = check_port(caller->env, a->ports, a->port, a->width, RIGHT_READ);
    uint16_t port = (uint16_t)a->port;

    if (e != ERR_OK)
        return (int)e;
    *result = a->width == 1   ? arch_port_in8(port)
              : a->width == 2 ? arch_port_in16(port)
                              : arch_port_in32(port);
    return ERR_OK;
}

int sys_port_write(struct thread *caller, const struct sys_port_write_args *a, word_t *result)
{
    enum err e = check_port(caller->env, a->ports, a->port, a->width, RIGHT_WRITE);
    uint16_t port = (uint16_t)a->port;

    (void)result;
    if (a->width < 4 && a->value >> (8 * (a->width & 3)))
        return ERR_BAD_ARG;
    if (e != ERR_OK)
        return (int)e;
    if (a->width == 1)
        arch_port_out8(port, (uint8_t)a->value);
    else if (a->width == 2)
        arch_port_out16(port, (uint16_t)a->value);
    else
        arch_port_out32(port, a->value);
    return ERR_OK;
}
