/* Offsets in the UTCB that upcall.S and pct.S use, from %gs:0. libos/upcall.c asserts that they
 * are those of struct utcb_exo. */
#pragma once

#define UTCB_RETURN 0xf00 /* offset in the page; behind the kernel's part, before EXIT_OFFSET */

#define GS_EXO        0x210 /* UTCB_EXO - UTCB_GS */
#define GS_MASK       (GS_EXO + 0)
#define GS_PENDING    (GS_EXO + 8)
#define GS_STACK      (GS_EXO + 88)
#define GS_SAVE       (GS_EXO + 112)
#define GS_PCT_CALLER (GS_EXO + 304)
#define GS_RETURN     0xd10 /* UTCB_RETURN - UTCB_GS: per class, the words ip and sp */
#define EVENTS        0xf8 /* UPCALL_EVENTS */
#define FRAME_BYTES   64
#define REGS_BYTES    120 /* of struct libos_regs, before its frame */
