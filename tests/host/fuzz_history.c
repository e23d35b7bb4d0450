/* The last steps of random calls of X.2, to print when one of them broke something. */
#include "tests/host/fuzz_l4.h"

#include <stdio.h>

#define HISTORY 24u

static struct fuzz_event history[HISTORY];
static unsigned events;

struct fuzz_event *fuzz_note(enum fuzz_what what, const struct thread *t)
{
    struct fuzz_event *e = &history[events++ % HISTORY];

    *e = (struct fuzz_event){.what = what, .step = world.step, .thread = t ? t->global_id : 0};
    e->cpu = t ? t->cpu : 0;
    return e;
}

static void print_call(const struct fuzz_event *e)
{
    static const char *const names[LINK_COUNT] = {"ThreadSwitch",  "SystemClock",
                                                  "Unmap",         "ThreadControl",
                                                  "SpaceControl",  "ExchangeRegisters",
                                                  "Schedule",      "ProcessorControl",
                                                  "MemoryControl", "Ipc",
                                                  "Lipc"};
    const struct x2_regs *r = &e->call.reg;

    printf("%s%s rdi %lx rsi %lx rdx %lx r8 %lx r9 %lx rax %lx rbx %lx r10 %lx r12 %lx r13 %lx\n",
           names[e->call.link], e->what == FUZZ_CALL_SLOW ? " (slow)" : "", r->rdi, r->rsi, r->rdx,
           r->r8, r->r9, r->rax, r->rbx, r->r10, r->r12, r->r13);
    printf("#     ");
    for (unsigned i = 0; i < e->call.count && i < 10; i++)
        printf(" [%d] %lx", e->call.words[i].at, e->call.words[i].value);
    printf(" -> state %u, result %lx, tag %lx, error %lx\n", e->state, e->result, e->tag, e->error);
}

void fuzz_print(uint64_t seed)
{
    static const char *const names[] = {
        [FUZZ_FAULT] = "page fault", [FUZZ_EXCEPTION] = "exception", [FUZZ_PORT] = "port",
        [FUZZ_LINE] = "interrupt",   [FUZZ_TIME] = "time",           [FUZZ_BOSS] = "the boss"};
    unsigned first = events > HISTORY ? events - HISTORY : 0;

    printf("# seed %lu, step %u; the last steps:\n", seed, world.step);
    for (unsigned i = first; i < events; i++) {
        const struct fuzz_event *e = &history[i % HISTORY];
        printf("# %4u cpu %u thread %lx: ", e->step, e->cpu, e->thread);
        if (e->what <= FUZZ_CALL_SLOW)
            print_call(e);
        else
            printf("%s %lx %lx\n", names[e->what], e->a, e->b);
    }
    fflush(stdout);
}
