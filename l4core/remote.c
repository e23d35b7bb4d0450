/* IPC between CPUs: steps sent to the CPU at which they belong, as mail. Decision 22. */
#include "l4core/remote.h"

struct step {
    struct thread *(*run)(struct thread *t);
    struct thread *thread, *next;
};

struct meeting {
    word_t (*run)(struct thread *sender, struct thread *receiver, bool waits);
    struct thread *sender, *receiver;
    bool waits;
    word_t result;
};

static void step_here(void *argument)
{
    struct step *s = argument;

    s->next = s->run(s->thread);
}

struct thread *ipc_at_home(struct thread *t, struct thread *(*step)(struct thread *t))
{
    struct step s = {.run = step, .thread = t};

    if (ipc_is_here(t))
        return step(t);
    cpu_call(t->cpu, step_here, &s);
    return s.next;
}

static void meet_here(void *argument)
{
    struct meeting *m = argument;

    m->result = m->run(m->sender, m->receiver, m->waits);
}

word_t ipc_meet_at_home(struct thread *sender, struct thread *receiver, bool waits,
                        word_t (*meet)(struct thread *sender, struct thread *receiver, bool waits))
{
    struct meeting m = {.run = meet, .sender = sender, .receiver = receiver, .waits = waits};

    if (ipc_is_here(receiver))
        return meet(sender, receiver, waits);
    cpu_call(receiver->cpu, meet_here, &m);
    return m.result;
}
