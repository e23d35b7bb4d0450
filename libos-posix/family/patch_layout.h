/* Offsets from %gs:0 for patch_x86_64.S; patch_site_x86_64.c holds them against the UTCB. */
#pragma once

#define GS_CALL_STACK 0x270 /* struct utcb_exo: stack of UPCALL_CLASS_SYSCALL */
#define GS_CALL_SAVE  0x2c0 /* its save area: ip, cs, flags, sp               */
#define SAVE_FLAGS    16
#define SAVE_SP       24
