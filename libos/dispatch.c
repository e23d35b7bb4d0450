/* An application's own processor scheduling, over slices and directed yield. */
#include "libos/dispatch.h"

#include "libos/book.h"
#include "libos/call.h"

static uint32_t here(void)
{
    return (uint32_t)*book_tcr(TCR_PROCESSOR);
}

enum err dispatch_take_slices(uint32_t count, uint32_t *got)
{
    *got = 0;
    for (uint32_t i = 0; i < SLICE_COUNT && *got < count; i++) {
        enum err e = exo_slice_bind(SLOT_CPU, here(), i, SLOT_THREAD);
        if (e && e != ERR_IN_USE)
            return e;
        *got += e == ERR_OK;
    }
    return *got == count ? ERR_OK : ERR_IN_USE;
}

void dispatch_give_slices(void)
{
    const struct utcb_exo *self = book_utcb();
    struct cpu_info cpu;

    book_read(INFO_CPUS, here(), 1, &cpu);
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        if (cpu.slices[i].thread == self->thread && cpu.slices[i].env == self->env)
            exo_slice_bind(SLOT_CPU, here(), i, SLOT_NONE);
}

enum err dispatch_run(struct scheduler *s, uint64_t quanta, bool measured)
{
    for (uint64_t turn = 0; turn < quanta; turn++) {
        uint64_t begin = measured ? cpu_ticks() : turn;
        struct sched_entity *e = s->pick(s, begin);
        slot_t thread = e ? ((struct dispatch_thread *)e)->thread : SLOT_NONE;
        enum err error = exo_yield(thread);
        if (e)
            sched_charge(s, e, measured ? cpu_ticks() - begin : 1);
        if (error && error != ERR_BAD_STATE)
            return error;
    }
    return ERR_OK;
}
