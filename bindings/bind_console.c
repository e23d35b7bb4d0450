/* Calls: the serial ports, and the end of the machine. */
#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "exo/arch/console.h"
#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/base/print.h"
#include "exo/entry/handlers.h"
#include "exo/entry/init.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define COUNT_MAX   4096u
#define INPUT_SLOTS 1024u
#define STATUS_MAX  255u

/* What arrived at a port and has not been taken. While there is no room, bytes stay in the device,
 * which tells the sender to wait. */
struct input {
    uint8_t bytes[INPUT_SLOTS];
    uint32_t first, end; /* run freely */
};

static struct input inputs[4]; /* by port; 1 and 3 are read */
static struct node *notify;    /* child of a notification capability when somebody is to be told */
static uint64_t notify_bits;

void console_init(void)
{
    notify = arch_phys(boot_frames(1));
    frame_mark(frame_number(notify), 1, FRAME_CPU);
    arch_console_listen(hook_console_input);
}

static void input_fill(unsigned port)
{
    struct input *in = &inputs[port];

    while (in->end - in->first < INPUT_SLOTS) {
        int c = arch_console_get(port);
        if (c < 0)
            return;
        in->bytes[in->end++ % INPUT_SLOTS] = (uint8_t)c;
    }
}

void hook_console_input(void)
{
    forest_lock();
    input_fill(1);
    input_fill(3);
    const struct node *parent = node_at(notify->parent);
    if (parent) {
        const struct cap *c = (const struct cap *)(const void *)parent;
        notification_raise(frame_memory(c->base), notify_bits);
    }
    forest_unlock();
}

static enum err check_write(const struct env *e, const struct sys_console_write_args *a)
{
    const struct cap *c = cap_find(e, a->console, CAP_CONSOLE);

    if (a->port < 1 || a->port > 3 || a->count > COUNT_MAX)
        return ERR_BAD_ARG;
    if (!c)
        return ERR_BAD_CAP;
    if (!(c->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    return a->count == 0 || space_user(e->root, a->bytes, RIGHT_READ) ? ERR_OK : ERR_BAD_USER;
}

int sys_console_write(struct thread *caller, const struct sys_console_write_args *a, word_t *result)
{
    enum err e = check_write(caller->env, a);

    if (e != ERR_OK)
        return (int)e;
    for (uint32_t done = 0; done < a->count;) {
        vaddr_t va = a->bytes + done;
        const char *from = space_user(caller->env->root, va, RIGHT_READ);
        for (size_t n = PAGE_SIZE - va % PAGE_SIZE; from && n && done < a->count; n--, done++)
            arch_console_put(a->port, *from++);
        *result = done;
        if (!from)
            break;
    }
    return ERR_OK;
}

static enum err check_read(const struct env *e, const struct sys_console_read_args *a)
{
    const struct cap *c = cap_find(e, a->console, CAP_CONSOLE);

    if ((a->port != 1 && a->port != 3) || a->count > COUNT_MAX)
        return ERR_BAD_ARG;
    if (!c)
        return ERR_BAD_CAP;
    if (!(c->rights & RIGHT_READ))
        return ERR_NO_RIGHT;
    return a->count == 0 || space_user(e->root, a->bytes, RIGHT_WRITE) ? ERR_OK : ERR_BAD_USER;
}

int sys_console_read(struct thread *caller, const struct sys_console_read_args *a, word_t *result)
{
    enum err e = check_read(caller->env, a);
    struct input *in = &inputs[a->port & 3];
    uint32_t n = 0;

    if (e != ERR_OK)
        return (int)e;
    input_fill(a->port);
    for (; n < a->count && in->first != in->end; n++, in->first++) {
        uint8_t byte = in->bytes[in->first % INPUT_SLOTS];
        if (!space_copy_out(caller->env->root, a->bytes + n, &byte, 1))
            break;
    }
    input_fill(a->port);
    *result = n;
    return ERR_OK;
}

int sys_console_notify(struct thread *caller, const struct sys_console_notify_args *a,
                       word_t *result)
{
    const struct cap *c = cap_find(caller->env, a->console, CAP_CONSOLE);
    struct cap *target;
    const struct notification *n = cap_notification(caller->env, a->notification, &target);

    (void)result;
    if (!a->bits)
        return ERR_BAD_ARG;
    if (!c || !n)
        return ERR_BAD_CAP;
    if (!(c->rights & RIGHT_READ) || !(target->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (notify->parent)
        return ERR_IN_USE;
    node_link(&target->node, notify);
    notify_bits = a->bits;
    return ERR_OK;
}

int sys_machine_off(struct thread *caller, const struct sys_machine_off_args *a, word_t *result)
{
    (void)result;
    if (a->status > STATUS_MAX)
        return ERR_BAD_ARG;
    if (!cap_find(caller->env, a->machine, CAP_MACHINE))
        return ERR_BAD_CAP;
    print("exit %u\n", a->status);
    arch_power_off();
}
