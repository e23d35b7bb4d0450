/* The sled at address 0, and where it leads to. */
#include "libos-posix/family/patch_layout.h"
#include "libos-posix/way/quick_layout.h"

#define SITES_MASK 1023 /* patch_site_x86_64.c */
#define FUNCTION_SHIFT 4
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

/*
 * On the program's stack is the return address, and nothing else may be written there. What is answered
 * at once keeps all registers but those that `syscall` changes. Anything else goes on as the kernel enters;
 * from elsewhere than a known place with an address of 0.
 */
        .text
        .globl  patch_enter
        .hidden patch_enter
        .type   patch_enter, @function
patch_enter:
        mov     %rsp, %r11
        mov     (%rsp), %rcx
        mov     %gs:GS_CALL_STACK, %rsp
        push    %r11
        pushfq
        push    %rdi
        mov     %ecx, %r11d
        shr     $FUNCTION_SHIFT, %r11d
        and     $SITES_MASK, %r11d
        lea     patch_sites(%rip), %rdi
        cmp     %rcx, (%rdi,%r11,8)
        jne     2f
        mov     %gs:GS_QUICK, %r11
        lea     quick_offsets(%rip), %rdi
        test    %r11, %r11
        jz      1f
        movzwl  (%rdi,%rax,2), %edi
        test    %edi, %edi
        jz      1f
        mov     (%r11,%rdi), %eax
        pop     %rdi
        mov     (%rsp), %r11
        popfq
        pop     %rsp
        ret

2:      mov     %rcx, %r11
        xor     %ecx, %ecx
        mov     %rcx, %gs:GS_CALL_SAVE
        mov     %r11, %rcx
        jmp     3f
1:      mov     %rcx, %gs:GS_CALL_SAVE
3:      pop     %rdi
        popq    %gs:(GS_CALL_SAVE + SAVE_FLAGS)
        pop     %r11
        lea     8(%r11), %r11
        mov     %r11, %gs:(GS_CALL_SAVE + SAVE_SP)
        jmp     libos_upcall_syscall
        .size   patch_enter, . - patch_enter

        .section .note.GNU-stack, "", @progbits
