/* Offsets from %gs:0 for way_call_x86_64.S; patch_site_x86_64.c holds them against the UTCB. */
#pragma once

#define GS_CALL_MASK  0x210 /* struct utcb_exo: the classes that are masked */
#define CALL_MASKED   2     /* bit of UPCALL_CLASS_SYSCALL in it */
#define GS_CALL_STACK 0x270 /* struct utcb_exo: stack of UPCALL_CLASS_SYSCALL */
#define GS_CALL_SAVE  0x2c0 /* its save area: ip, cs, flags, sp               */
#define GS_TASK       0xd98 /* struct family_place: struct task of the core */
#define GS_WOKEN      0xda0 /* struct family_place: an event came */
#define SAVE_FLAGS    16
#define SAVE_SP       24
