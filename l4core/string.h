/*
 * String items (decision 23). no_string.c stands for them in a kernel without.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/types.h"

struct thread;

/* Copies what is left of the string item of that header that the progress of `from` says is the
 * current one, in a message that ends before word `end`. 0, and the progress is at the next item;
 * IPC_OVERFLOW; or IPC_LEFT. */
word_t string_item(struct thread *from, struct thread *to, word_t header, unsigned end);
