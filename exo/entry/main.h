/* What the boot loader told, and the public record that says so. */
#pragma once

struct boot_info;
struct kinfo;

const struct boot_info *boot_info_get(void);

/* The writable side of the book-keeping's first page. */
struct kinfo *kinfo_get(void);
