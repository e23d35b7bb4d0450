/* Interrupt lines as threads: association, messages to handlers, acknowledgements. L4 X.2 reference
 * manual, "Interrupt protocol". */
#include "l4core/interrupt.h"

#include "bindings/irq.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/abi/cap.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/arch/irq.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "l4core/control.h"
#include "l4core/ipc.h"
#include "l4core/leave.h"
#include "l4core/remote.h"
#include "l4core/task.h"

#define LINE_VERSION 1u

/* Of a line that is associated. Only its thread's home CPU changes them. */
static struct {
    bool masked; /* its handler was told, or is being told     */
    bool raised; /* and it fired again meanwhile               */
} lines[IRQ_LINES];

bool interrupt_is_line(word_t id)
{
    return id >> 32 < IRQ_LINES && (uint32_t)id == LINE_VERSION;
}

/* The common case: the handler is at home here and waits for it. The line, whose answer comes from
 * there, waits already. */
static bool tell_at_once(struct thread *line, struct thread *handler)
{
    if (!ipc_is_here(handler) || handler->state != THREAD_IPC_RECEIVE || handler->ipc_kernel ||
        (handler->ipc_from != L4_ANY && handler->ipc_from != line->global_id))
        return false;
    thread_regs(handler)->r9 = TAG_MAKE(LABEL_INTERRUPT, 0, 0);
    ipc_received(handler, line);
    ipc_leave(handler);
    return true;
}

static void tell(struct thread *line)
{
    struct thread *handler = control_find(line->ipc_from);

    lines[line->number].masked = true;
    if (handler && !tell_at_once(line, handler))
        ipc_call_locked(line, line->ipc_from, IPC_INTERRUPT, TAG_MAKE(LABEL_INTERRUPT, 0, 0), 0);
}

static struct thread *fire(struct thread *line)
{
    if (line->state == THREAD_STOPPED) /* its handler has gone */
        return NULL;
    if (lines[line->number].masked)
        lines[line->number].raised = true;
    else
        tell(line);
    return NULL;
}

void hook_line_fired(struct thread *line)
{
    ipc_at_home(line, fire);
}

bool interrupt_is_for(const struct thread *line, const struct thread *handler)
{
    return (line->kind & THREAD_LINE) && line->state == THREAD_IPC_SEND && line->ipc_to == handler;
}

void interrupt_acknowledged(struct thread *line)
{
    bool again = lines[line->number].raised;

    line->ipc_kernel = IPC_INTERRUPT;
    lines[line->number].masked = lines[line->number].raised = false;
    if (again)
        tell(line);
    else
        arch_line_release(line->number);
}

/* The line begins anew, with the handler that ipc_from names; what the one before did not get is
 * for it. */
static struct thread *begin(struct thread *line)
{
    const word_t handler = line->ipc_from;
    const bool again = line->state == THREAD_IPC_SEND ||
                       (line->state == THREAD_IPC_RECEIVE && lines[line->number].raised);

    hook_thread_stopping(line, false);
    lines[line->number].masked = lines[line->number].raised = false;
    ipc_await(line, IPC_INTERRUPT, handler);
    if (again)
        tell(line);
    else
        arch_line_release(line->number);
    return NULL;
}

/* Made of one frame under the region, whose holder is the frame's owner: the line ends with the
 * region, and so not after him. */
static struct thread *make(struct cap *region, pfn_t frame, uint32_t number)
{
    const uint16_t owner = frame_of(frame_number(region))->owner;
    struct thread *line = frame_memory(frame);

    frame_take(frame, L4_LINE_FRAMES, FRAME_THREAD, owner, node_name(&line->memory_node));
    env_by_number[owner]->info->frames += L4_LINE_FRAMES;
    thread_init_line(frame, number);
    lines[number].masked = lines[number].raised = false;
    node_link(&region->node, &line->memory_node);
    return line;
}

static unsigned associate(struct thread *line, const struct thread_control *c)
{
    const struct thread *handler =
        L4_IS_LOCAL(c->pager) ? control_find_own(c->caller->env, c->pager) : control_find(c->pager);
    const uint32_t number = (uint32_t)(c->dest >> 32);
    struct cap *region = task_memory(c->caller->env);

    if (!handler)
        return CALL_ERROR_THREAD;
    if (!line) {
        pfn_t frame = region ? frame_find(region->base, region->base + region->count, 1) : PFN_ANY;
        if (frame == PFN_ANY)
            return CALL_ERROR_NO_MEMORY;
        if (!irq_listen(number))
            return CALL_ERROR_THREAD;
        line = make(region, frame, number);
    }
    line->ipc_from = handler->global_id;
    if (c->scheduler != L4_NIL)
        line->scheduler = c->scheduler;
    ipc_at_home(line, begin);
    return 0;
}

unsigned interrupt_control(const struct thread_control *c)
{
    struct thread *line = thread_by_number((uint32_t)(c->dest >> 32));

    if (c->space != c->dest)
        return CALL_ERROR_SPACE;
    if (c->scheduler != L4_NIL && !control_find(c->scheduler))
        return CALL_ERROR_SCHEDULER;
    if (c->utcb != NO_LOCATION)
        return CALL_ERROR_UTCB_AREA;
    if (c->pager != L4_NIL && c->pager != c->dest)
        return associate(line, c);
    if (!line)
        return c->pager == L4_NIL ? CALL_ERROR_THREAD : 0;
    if (c->scheduler != L4_NIL)
        line->scheduler = c->scheduler;
    if (c->pager == c->dest)
        revoke_all(&line->memory_node, true);
    return 0;
}
