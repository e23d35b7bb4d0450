/*
 * PCI functions as raw resources: the device table, and what the kernel does for a function that
 * somebody drives himself: its messages, its way to memory, its end. Functions are named by their
 * number in the table (exo/abi/device.h).
 *
 * Locking: after boot the forest lock.
 */
#pragma once

#include "exo/abi/device.h"
#include "exo/io/pci.h"

struct arch_msi;

/* Fills the table, after the kernel has taken what it drives. Boot only. */
void function_init(void);

uint32_t function_count(void);

/* The record that users see. Pre, here and below: n < function_count(). */
struct device_info *function_info(uint32_t n);

/* A word of configuration space; `offset`: multiple of 4, below 256. */
uint32_t function_config(uint32_t n, unsigned offset);

/* Address range `bar`; bytes is 0 when there is none. */
struct pci_range function_range(uint32_t n, unsigned bar);

/* Does byte range [offset, offset + bytes) of the address range touch what the kernel alone writes:
 * the MSI-X table and its pending bits? */
bool function_holds_messages(uint32_t n, unsigned bar, uint64_t offset, uint64_t bytes);

/* Lets the function answer, all of its messages silenced; it does not reach memory. */
void function_wake(uint32_t n);

/* Lets it reach memory, and send messages. */
void function_enable(uint32_t n);

/* Has it send `m` as its message `vector`; NULL silences that one. Pre: vector < info->vectors. */
void function_message(uint32_t n, uint32_t vector, const struct arch_msi *m);

/* Silences it, takes its way to memory away, and resets it if it is a virtio device. */
void function_stop(uint32_t n);
