/*
 * Included before anything else by files whose code runs in the light fault handler, which keeps
 * only the integer registers of the code that it interrupts: their functions use no others.
 */
#pragma once

#if defined(__x86_64__)
#pragma GCC target("general-regs-only")
#endif
