/* The sled at address 0. It leads to patch_enter (way_call_x86_64.S). */
#include "libos-posix/way/quick_layout.h"

#define GROUPS     30   /* of 16 numbers; the last call of Linux has number 462 */
#define ENDS       6    /* groups that the jumps lead to */

/*
 * A number is an offset here, so an instruction may begin at each byte. At an even one stands a jump
 * whose distance is the odd byte behind it. That is a REX prefix as well, which changes nothing for the
 * jump behind it. All of a group lead to the first byte five groups on, or six.
 *
 * Where the last ones lead to stands one jump through the UTCB. It too may be begun at any of its
 * bytes by a number that Linux has no call for; then a `hlt`, or the word at an address on this page, which
 * cannot be written to nor read, is the end: a fault, at most with %rax changed. patch_repair knows them.
 */
        .section .text, "ax", @progbits
        .balign 4096
        .globl  patch_sled
        .hidden patch_sled
        .type   patch_sled, @object
patch_sled:
        .rept   GROUPS
        .byte   0xeb, 0x4e, 0xeb, 0x4c, 0xeb, 0x4a, 0xeb, 0x48
        .byte   0xeb, 0x46, 0xeb, 0x44, 0xeb, 0x42, 0xeb, 0x40
        .endr
        .rept   ENDS
        jmp     *%gs:GS_SLED_END
        .fill   8, 1, 0xf4
        .endr
        .fill   4096 - (GROUPS + ENDS) * 16, 1, 0xf4
        .size   patch_sled, . - patch_sled

        .section .note.GNU-stack, "", @progbits
