/* What the boot loader told, and the public record that says so. */
#pragma once

#include "exo/abi/types.h"

struct boot_info;
struct kinfo;

const struct boot_info *boot_info_get(void);

/* The writable side of the book-keeping's first page. */
struct kinfo *kinfo_get(void);

/* Is `word` on the kernel's command line? */
bool boot_has_option(const char *word);

/* Shows a table that names owners to all users, at an address of the window; not with hide=1. Boot
 * only. */
void window_show(vaddr_t va, paddr_t pa, size_t bytes);
