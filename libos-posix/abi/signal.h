/* Linux x86-64 structures of signal calls; without constants, so that it goes with any libc. */
#pragma once

#include "exo/abi/types.h"

struct linux_sigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};
_Static_assert(sizeof(struct linux_sigaction) == 32, "the kernel's struct sigaction");

struct linux_stack {
    uint64_t base;
    uint32_t flags;
    uint32_t pad;
    uint64_t bytes;
};
_Static_assert(sizeof(struct linux_stack) == 24, "stack_t");

struct linux_sigevent {
    uint64_t value;
    int32_t number, notify, tid;
    uint8_t rest[44];
};
_Static_assert(sizeof(struct linux_sigevent) == 64, "struct sigevent");

/* siginfo_t. What `u` holds depends on the signal and on `code`. */
struct linux_siginfo {
    int32_t number, error, code, pad;
    union {
        struct {
            int32_t pid;
            uint32_t uid;
            union {
                uint64_t value; /* of sigqueue and timers */
                struct {
                    int32_t status; /* SIGCHLD */
                    int32_t pad;
                    int64_t user_ticks, system_ticks;
                } child;
            } more;
        } sender;
        struct {
            int32_t id, overrun;
            uint64_t value;
        } timer;
        struct {
            uint64_t address;
        } fault;
        struct {
            int64_t band;
            int32_t fd;
        } poll;
        uint8_t bytes[112];
    } u;
};
_Static_assert(sizeof(struct linux_siginfo) == 128, "siginfo_t");
_Static_assert(offsetof(struct linux_siginfo, u.sender.more) == 24, "siginfo_t of x86-64");
