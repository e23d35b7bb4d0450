/* More threads in this environment. */
#include "libos/thread.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/exit.h"
#include "libos/notify.h"
#include "libos/upcall.h"
#include "libos/vm.h"

#define UPCALL_STACK_BYTES 16384u /* of the stack of faults, and of that of events */
#define BYTES              (PAGE_SIZE + 2 * UPCALL_STACK_BYTES + THREAD_STACK_BYTES)

/* First instruction of a thread; the value that started it is `t`. */
static _Noreturn void thread_main(struct thread *t)
{
    vaddr_t fault_stack = t->memory + PAGE_SIZE + UPCALL_STACK_BYTES;

    upcall_init_stacks(fault_stack, fault_stack + UPCALL_STACK_BYTES);
    t->run(t->argument);
    exo_notify(t->done, 1);
    for (;;)
        exo_thread_stop(t->slot);
}

static enum err create(struct thread *t, uint32_t number)
{
    pfn_t frame;
    word_t id;
    enum err e = region_find(1, &frame);

    if (e == ERR_OK)
        e = exo_thread_create_get(SLOT_ENV, SLOT_MEMORY, frame, t->memory, number, t->slot, &id);
    if (e)
        return e;
    t->id = id;
    return exit_add_utcb(t->memory) ? ERR_OK : ERR_NO_MEM;
}

static enum err prepare(struct thread *t, uint32_t number)
{
    enum err e = vm_map(&t->memory, t->bytes, RIGHT_READ | RIGHT_WRITE);

    if (e == ERR_OK)
        e = vm_populate(t->memory, t->bytes);
    if (e == ERR_OK)
        e = notify_new(&t->done);
    if (e == ERR_OK)
        e = slot_take(&t->slot);
    return e == ERR_OK ? create(t, number) : e;
}

enum err thread_run(struct thread *t, thread_fn run, void *argument, uint32_t cpu,
                    uint32_t priority)
{
    return thread_run_number(t, run, argument, cpu, priority, 0);
}

enum err thread_run_number(struct thread *t, thread_fn run, void *argument, uint32_t cpu,
                           uint32_t priority, uint32_t number)
{
    *t = (struct thread){.run = run, .argument = argument};
    t->bytes = BYTES;
    enum err e = prepare(t, number);
    if (cpu == THREAD_CPU_HERE)
        cpu = (uint32_t)*book_tcr(TCR_PROCESSOR);
    if (e == ERR_OK && slot_cap(SLOT_CPU))
        e = exo_thread_place(t->slot, SLOT_CPU, cpu, priority);
    if (e == ERR_OK) /* eight bytes of zeroes stand for the address that a call would push */
        e = exo_thread_start(t->slot, (vaddr_t)thread_main, t->memory + t->bytes - 8, (word_t)t);
    if (e)
        thread_destroy(t);
    return e;
}

void thread_destroy(struct thread *t)
{
    if (t->memory)
        exit_drop_utcb(t->memory);
    if (t->slot)
        slot_delete(t->slot);
    if (t->done)
        slot_delete(t->done);
    if (t->memory)
        vm_unmap(t->memory, t->bytes);
    *t = (struct thread){0};
}

void thread_join(struct thread *t)
{
    notify_until(t->done, 1, FOREVER, NULL);
    thread_destroy(t);
}
