/*
 * How a program ends, and how its starter learns of it.
 *
 * A program that may power the machine off does so with its status. Any other leaves its status in
 * the last words of its first thread's UTCB page, which lies in frames that its starter owns, and
 * then unbinds the UTCBs of all its threads. An environment without threads has ended: the kernel
 * tells whoever watches it (env_watch), and that one reads the words.
 */
#pragma once

#include "exo/abi/types.h"

#define EXIT_MAGIC 0x7469784573624f6cu

struct exit_record {
    uint64_t magic;  /* EXIT_MAGIC when the program ended by itself          */
    uint64_t status; /* 0 to 255                                             */
};

/* Where in the first thread's UTCB page, in bytes. */
#define EXIT_OFFSET (PAGE_SIZE - sizeof(struct exit_record))

#define EXIT_THREADS_MAX 63u

_Noreturn void libos_exit(int status);

/* Names a further UTCB that has to go when the program ends. False: there are too many. */
bool exit_add_utcb(vaddr_t utcb);
void exit_drop_utcb(vaddr_t utcb);
