/*
 * The way `patched` (decision 45): the `syscall` instruction that was reflected becomes `call
 * *%rax`, at its place and of its length. %rax has the number of the call, so the page at address 0
 * holds a sled: whatever number is called, jumps lead to patch_enter, which does what the kernel
 * does when it reflects the instruction. The page may be executed and not read.
 *
 * Not every place is changed: where the red zone is in use, or the page is one that others see, the
 * instruction stays. Both ways come to the same handler.
 */
#pragma once

#include "libos/upcall.h"

#pragma GCC visibility push(hidden)

/* The sled: one page of the image (patch_x86_64.S). */
extern const uint8_t patch_sled[];
void patch_enter(void);

#define PATCH_LOW ((vaddr_t)0x1000) /* the sled's addresses lie below */

/* A call was reflected, or came by the sled. False: it was neither, but a jump to the sled's page
 * or to one of the addresses around it; `r` then says so as a page fault would. The first way is
 * made the second, if that can be done. */
bool patch_arrive(struct libos_regs *r);

/* A fault of the program: was it caused by a number that the sled has no place for, or by a stack
 * that cannot take the return address? Then `r` goes on as the reflected call does. A jump to the
 * sled's page becomes what it is where that is not there. */
bool patch_repair(struct libos_regs *r);

/* What lies in [va, va + bytes) is not what it was. */
void patch_forget(vaddr_t va, uint64_t bytes);

/* How many instructions of this process were changed. */
uint32_t patch_count(void);

#pragma GCC visibility pop
