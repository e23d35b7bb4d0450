/*
 * An application that schedules its own threads: three of them get the processor 3 : 2 : 1 by
 * stride scheduling. The program owns slices of the processor, and at the beginning of each it
 * decides who shall have it; the kernel knows nothing of tickets.
 */
#include "libos/dispatch.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/servers/program.h"
#include "libos/thread.h"

#define THREADS 3u
#define SLICES  48u
#define QUANTA  300u

static volatile uint64_t turns[THREADS];

static void work(void *argument)
{
    volatile uint64_t *turn = argument;

    for (;;)
        ++*turn;
}

int main(void)
{
    static struct dispatch_thread mine[THREADS];
    static struct thread threads[THREADS];
    struct scheduler stride;
    uint32_t got;
    enum err e = libos_setup();

    sched_stride(&stride);
    for (uint32_t i = 0; i < THREADS && e == ERR_OK; i++) {
        e = thread_run(&threads[i], work, (void *)&turns[i], THREAD_CPU_HERE, 1);
        mine[i].thread = threads[i].slot;
        mine[i].entity.tickets = THREADS - i;
        if (e == ERR_OK)
            e = sched_add(&stride, &mine[i].entity, 0);
        sched_set_ready(&stride, &mine[i].entity, true, 0);
    }
    if (e == ERR_OK)
        e = dispatch_take_slices(SLICES, &got);
    if (e == ERR_OK)
        e = dispatch_run(&stride, QUANTA, false);
    dispatch_give_slices();
    if (e)
        program_fail(1, "shares", error_text(e));
    for (uint32_t i = 0; i < THREADS; i++)
        log_line("%u tickets: %lu turns in %lu slices", THREADS - i, turns[i], mine[i].entity.used);
    return 0;
}
