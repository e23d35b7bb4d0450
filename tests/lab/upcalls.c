/* Experiments: a fault, an exception or a foreign system call enters the program's own handler,
 * which goes back without the kernel; by the shortest handler, and by libos' own that saves
 * everything. */
#include "libos/upcall.h"
#include "tests/lab/lab.h"
#include "tests/lab/probe.h"

#define UNBOUND    ((const void *)0x320000000000)
#define CALL_STACK 65536u

static struct lab_series in, out;
static uint8_t call_stack[CALL_STACK] __attribute__((aligned(16)));

static void keep_trip(uint32_t round, const struct lab_trip *trip, struct lab_sample before)
{
    lab_keep(&in, round, trip->inside - trip->before, before);
    lab_keep(&out, round, trip->after - trip->leaving, lab_counters());
}

static void probe_faults(uint64_t empty)
{
    struct lab_trip trip;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        probe_fault(&trip, UNBOUND);
        keep_trip(i, &trip, before);
    }
    lab_report("fault.upcall.in", &in, empty, 1, 1);
    lab_report("fault.upcall.out", &out, empty, 1, 1);
}

static void probe_exceptions(uint64_t empty)
{
    struct lab_trip trip;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        probe_undefined(&trip);
        keep_trip(i, &trip, before);
    }
    lab_report("exception.upcall.in", &in, empty, 1, 1);
    lab_report("exception.upcall.out", &out, empty, 1, 1);
}

/* There and back, without the stamps inside. */
static void probe_calls(const char *key, uint64_t empty)
{
    struct lab_trip trip;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        probe_call(&trip);
        lab_keep(&in, i, trip.after - trip.before, before);
    }
    lab_report(key, &in, empty, 1, 1);
}

static void answer(struct libos_regs *regs)
{
    regs->rax = 1;
}

/* With libos' own fault handler, told to step over the faulting read. */
static bool step_over(struct libos_regs *regs)
{
    regs->frame.ip += 3; /* the length of `mov (%rsi), %rcx` */
    return true;
}

static void through_libos(uint64_t empty)
{
    struct lab_trip trip;

    libos_segv_hook = step_over;
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        probe_fault(&trip, UNBOUND);
        lab_keep(&in, i, trip.after - trip.before, before);
    }
    libos_segv_hook = NULL;
    lab_report("fault.upcall.libos", &in, empty, 1, 1);
    upcall_set_syscall(answer, (vaddr_t)call_stack + sizeof call_stack);
    probe_calls("syscall.reflect.libos", empty);
}

void lab_upcalls(const struct archive *a)
{
    (void)a;
    struct utcb_exo *utcb = book_utcb();
    uint64_t fault = utcb->entry[UPCALL_FAULT], exception = utcb->entry[UPCALL_EXCEPTION];
    uint64_t empty = lab_empty_probe();

    utcb->entry[UPCALL_FAULT] = utcb->entry[UPCALL_EXCEPTION] = (vaddr_t)probe_upcall_fault;
    probe_faults(empty);
    probe_exceptions(empty);
    utcb->entry[UPCALL_FAULT] = fault;
    utcb->entry[UPCALL_EXCEPTION] = exception;
    utcb->stack[UPCALL_CLASS_SYSCALL] = (vaddr_t)call_stack + sizeof call_stack;
    utcb->entry[UPCALL_SYSCALL] = (vaddr_t)probe_upcall_call;
    probe_calls("syscall.reflect", 3 * empty);
    through_libos(empty);
}
