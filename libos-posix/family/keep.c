/* The keeper's work for the core, between the requests that it serves. */
#include "libos-posix/family/keep.h"

#include "libos-posix/family/keeper.h"
#include "libos-posix/port.h"
#include "libos-posix/port/port_libos.h"
#include "libos-posix/port/port_libos_console.h"
#include "libos-posix/posix.h"
#include "libos/call.h"
#include "libos/log.h"

#define INPUT_BYTES   1024u
#define STATUS_BROKEN 70

static uint8_t input[INPUT_BYTES]; /* read, and not taken by the core yet: [first, end) */
static size_t input_first, input_end;
static bool input_ended, end_is_told;
static bool told_of_input; /* the console raises KEEPER_INPUT; else it is looked at each time */
static bool may_have_input = true;     /* since it was found empty */
static struct port_terminal size;      /* of the terminal, if the core is to be told */
static struct task *lost[MEMBERS_MAX]; /* tasks of processes that the core has to be told of */
static uint32_t lost_count;
static uint64_t next; /* when timers are due, as time-stamp counter */

/* Packets wake the keeper, too, so the console is asked only when it may have something. */
static void read_input(void)
{
    const bool ready = port_console_ready();

    may_have_input = ready || !told_of_input;
    if (!ready)
        return;
    input_end = port_console_read(input, sizeof input);
    input_first = 0;
    input_ended = input_end == 0;
}

/* The end of the input is told once, by handing over nothing. */
static void hand_over_input(void)
{
    if (input_first == input_end && !input_ended && may_have_input)
        read_input();
    if (size.is_terminal || port_libos_resized(&size))
        size.is_terminal = !posix_keeper_resize(size.rows, size.columns);
    if (input_first == input_end && (!input_ended || end_is_told))
        return;
    long taken = posix_keeper_input(input + input_first, input_end - input_first);
    if (taken >= 0 && input_first == input_end)
        end_is_told = true;
    else if (taken > 0)
        input_first += (size_t)taken;
}

static const char *bury(void)
{
    const char *broken = NULL;

    while (lost_count && !broken) {
        if (posix_keeper_lost(lost[lost_count - 1], &broken) == POSIX_KEEPER_BUSY)
            return NULL; /* who has the lock will wake the keeper */
        lost_count--;
    }
    return broken;
}

static const char *broken;

static bool step(word_t bits, uint64_t *deadline)
{
    uint64_t due;

    *deadline = next;
    if (!bits && !lost_count && cpu_ticks() < next)
        return false;
    broken = bury();
    may_have_input |= (bits & KEEPER_INPUT) != 0;
    hand_over_input();
    enum posix_keeper state = posix_keeper_step(&due);
    next = port_libos_ticks(due);
    *deadline = next;
    return broken || state == POSIX_KEEPER_ENDED;
}

static const char *note_lost(vaddr_t core)
{
    lost[lost_count++] = (struct task *)core;
    return NULL;
}

int keep(void)
{
    const struct keeper_work work = {.step = step, .lost = note_lost};

    told_of_input = exo_console_notify(SLOT_CONSOLE, keeper_notification(), KEEPER_INPUT) == ERR_OK;
    const char *why = keeper_run(&work);
    if (!why)
        why = broken;
    keeper_end();
    if (!why)
        return posix_keeper_status();
    log_error_line("exo4: the processes cannot go on: %s", why);
    return STATUS_BROKEN;
}
