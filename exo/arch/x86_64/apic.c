/* Interrupts: the local APIC with its timer, message-signalled interrupts, and interrupts between
 * CPUs. Intel SDM volume 3, "Advanced Programmable Interrupt Controller". */
#include "exo/arch/cpu.h"
#include "exo/arch/io.h"
#include "exo/arch/irq.h"
#include "exo/arch/x86_64/vtd.h"
#include "exo/arch/x86_64/x86.h"
#include "exo/base/assert.h"
#include "exo/arch/upward.h"

#define APIC_ID        0x20u
#define APIC_EOI       0xb0u
#define APIC_SPURIOUS  0xf0u
#define APIC_REQUESTS  0x200u
#define APIC_ICR_LOW   0x300u
#define APIC_ICR_HIGH  0x310u
#define APIC_LVT_TIMER 0x320u
#define APIC_INITIAL   0x380u
#define APIC_CURRENT   0x390u
#define APIC_DIVIDE    0x3e0u

#define APIC_BASE 0xfee00000u

#define DEVICE_VECTORS 192u
_Static_assert(VECTOR_IRQ + DEVICE_VECTORS <= VECTOR_TIMER,
               "devices' vectors end below the others");

struct handler {
    void (*run)(void);        /* or                                        */
    void (*run_with)(word_t); /* of a message that can go                  */
    word_t argument;
    uint8_t held; /* 1 + the line that is masked before it runs; 0: none */
};

static volatile uint32_t *apic;
static struct handler handlers[DEVICE_VECTORS];

static uint32_t apic_read(unsigned reg)
{
    return apic[reg / 4];
}

static void apic_write(unsigned reg, uint32_t value)
{
    apic[reg / 4] = value;
}

uint32_t apic_id(void)
{
    return apic_read(APIC_ID) >> 24;
}

void arch_irq_enable(void)
{
    if (!apic)
        apic = arch_map_device(APIC_BASE, 4096);
    /* The old controller's lines stay off; it may not interrupt with vectors of exceptions. */
    arch_port_out8(0x21, 0xff);
    arch_port_out8(0xa1, 0xff);
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | 1u << 11);
    apic_write(APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
    apic_write(APIC_DIVIDE, 0xb); /* by 1 */
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

void apic_timer_set(uint32_t count)
{
    apic_write(APIC_INITIAL, count);
}

uint32_t apic_timer_left(void)
{
    return apic_read(APIC_CURRENT);
}

static void icr_send(uint32_t apic_number, uint32_t command)
{
    apic_write(APIC_ICR_HIGH, apic_number << 24);
    apic_write(APIC_ICR_LOW, command);
    while (apic_read(APIC_ICR_LOW) & 1u << 12)
        arch_relax();
}

void arch_cpu_kick(unsigned number)
{
    icr_send(arch_cpu_number(number)->apic_id, 0x4000 | VECTOR_MAILBOX);
}

void apic_send_init(unsigned id)
{
    icr_send(id, 0x4500);
}

void apic_send_start(unsigned id, unsigned page)
{
    icr_send(id, 0x4600 | page);
}

/* The lowest that is free; DEVICE_VECTORS: none. */
static unsigned handler_free(void)
{
    unsigned i = 0;

    while (i < DEVICE_VECTORS && (handlers[i].run || handlers[i].run_with))
        i++;
    return i;
}

static unsigned vector_alloc(void (*handler)(void))
{
    unsigned i = handler_free();

    ASSERT(i < DEVICE_VECTORS);
    handlers[i].run = handler;
    return VECTOR_IRQ + i;
}

unsigned apic_line_vector(void (*handler)(void), unsigned line, bool held)
{
    unsigned vector = vector_alloc(handler);

    handlers[vector - VECTOR_IRQ].held = held ? (uint8_t)(line + 1) : 0;
    return vector;
}

bool apic_requested(unsigned vector)
{
    return apic_read(APIC_REQUESTS + vector / 32 * 0x10) >> vector % 32 & 1;
}

static struct arch_msi message_of(uint16_t requester, uint32_t id, unsigned vector)
{
    if (!remap_is_on())
        return (struct arch_msi){APIC_BASE | id << 12, vector, vector};
    remap_allow(requester, id, vector, false);
    return (struct arch_msi){remap_address(vector), 0, vector};
}

struct arch_msi arch_msi_alloc(uint16_t requester, void (*handler)(void))
{
    return message_of(requester, apic_id(), vector_alloc(handler));
}

struct arch_msi arch_msi_local(void (*handler)(void))
{
    unsigned vector = vector_alloc(handler);

    return (struct arch_msi){APIC_BASE | apic_id() << 12, vector, vector};
}

bool arch_message_alloc(uint16_t requester, unsigned cpu, void (*handler)(word_t), word_t argument,
                        struct arch_msi *out)
{
    unsigned i = handler_free();

    if (i == DEVICE_VECTORS)
        return false;
    handlers[i] = (struct handler){.run_with = handler, .argument = argument};
    *out = message_of(requester, arch_cpu_number(cpu)->apic_id, VECTOR_IRQ + i);
    return true;
}

void arch_message_free(const struct arch_msi *m)
{
    if (remap_is_on())
        remap_forbid(m->vector);
    handlers[m->vector - VECTOR_IRQ] = (struct handler){0};
}

/* Nobody may be there any more. */
static void handle(const struct handler *h)
{
    void (*run_with)(word_t) = __atomic_load_n(&h->run_with, __ATOMIC_RELAXED);

    if (h->run)
        h->run();
    else if (run_with)
        run_with(h->argument);
}

/* A line that is held would interrupt again as soon as this one is acknowledged. */
void arch_interrupt(unsigned vector)
{
    const unsigned device = vector - VECTOR_IRQ;

    if (vector == VECTOR_SPURIOUS)
        return;
    if (device < DEVICE_VECTORS && handlers[device].held)
        io_apic_hold(handlers[device].held - 1u);
    apic_write(APIC_EOI, 0);
    if (vector == VECTOR_TIMER)
        cpu_timer();
    else if (vector == VECTOR_MAILBOX)
        cpu_mailbox_read();
    else if (device < DEVICE_VECTORS)
        handle(&handlers[device]);
}
