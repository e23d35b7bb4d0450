/* From QEMU's PVH entry (32-bit, no paging) to kernel_main in long mode, and the same for the other
 * CPUs from their start-up interrupt (16-bit). Xen's "x86/HVM direct boot ABI". */

#define KERNEL_BASE 0xffffffff80000000
#define P(symbol)   (symbol - KERNEL_BASE)

        .section .note.Xen, "a", @note
        .long 4, 4, 18                  /* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz "Xen"
        .long pvh_entry

        .section .boot, "ax"
        .code32
        .globl pvh_entry
pvh_entry:
        cli
        cld
        mov %ebx, P(boot_start_info)
        mov $P(boot_stack_top), %esp
        /* The firmware may have left anything in our zeroed memory. */
        mov $P(boot_tables), %edi
        xor %eax, %eax
        mov $(6 * 1024), %ecx
        rep stosl

        /* boot_tables: root, identity PDPT, physical-memory PD, kernel PDPT, kernel PD, text PT */
        mov $P(boot_tables), %edi
        lea 0x1003(%edi), %eax          /* root[0] -> PDPT of the first 512 GiB, for now */
        mov %eax, (%edi)
        mov %eax, 256*8(%edi)           /* root[256]: all memory */
        lea 0x3003(%edi), %eax          /* root[511]: the kernel */
        mov %eax, 511*8(%edi)

        lea 0x1000(%edi), %esi          /* PDPT[0] -> PD of the first GiB, in 2 MiB pages */
        lea 0x2003(%edi), %eax
        mov %eax, (%esi)
        mov $1, %ecx                    /* PDPT[1..63]: 1 GiB pages */
1:      mov %ecx, %eax
        shl $30, %eax
        or $0x183, %eax                 /* present, writable, large, global */
        mov %eax, (%esi, %ecx, 8)
        mov %ecx, %eax
        shr $2, %eax
        or $0x80000000, %eax            /* no execution */
        mov %eax, 4(%esi, %ecx, 8)
        inc %ecx
        cmp $64, %ecx
        jb 1b

        lea 0x2000(%edi), %esi          /* PD: 512 pages of 2 MiB */
        xor %ecx, %ecx
2:      mov %ecx, %eax
        shl $21, %eax
        or $0x183, %eax
        mov %eax, (%esi, %ecx, 8)
        inc %ecx
        cmp $512, %ecx
        jb 2b

        lea 0x4003(%edi), %eax          /* kernel PDPT[510] -> kernel PD */
        mov %eax, 0x3000+510*8(%edi)
        lea 0x4000(%edi), %esi
        lea 0x5003(%edi), %eax          /* kernel PD[1] -> text PT */
        mov %eax, 8(%esi)
        mov $2, %ecx                    /* kernel PD[2..7]: 2 MiB pages, data */
3:      mov %ecx, %eax
        shl $21, %eax
        or $0x183, %eax
        mov %eax, (%esi, %ecx, 8)
        movl $0x80000000, 4(%esi, %ecx, 8)
        inc %ecx
        cmp $8, %ecx
        jb 3b

        lea 0x5000(%edi), %esi          /* text PT: executable up to text_end, read-only */
        mov $P(text_start), %eax
        xor %ecx, %ecx
4:      mov %eax, %edx
        or $0x101, %edx                 /* present, global */
        mov %edx, (%esi, %ecx, 8)
        cmp $P(text_end), %eax
        jb 5f
        movl $0x80000000, 4(%esi, %ecx, 8)
5:      add $4096, %eax
        inc %ecx
        cmp $512, %ecx
        jb 4b

        call enter_long
        ljmp $0x08, $boot64

/* Turns on long mode with the tables above; paging on, still in a 32-bit segment. */
enter_long:
        mov $0x000006a0, %eax           /* PAE, PGE, OSFXSR, OSXMMEXCPT; the rest comes in C */
        mov %eax, %cr4
        mov $P(boot_tables), %eax
        mov %eax, %cr3
        mov $0xc0000080, %ecx           /* EFER: SCE, LME, NXE */
        rdmsr
        or $0x901, %eax
        wrmsr
        mov $0x80010033, %eax           /* PG, WP, NE, ET, MP, PE */
        mov %eax, %cr0
        lgdt P(boot_gdt_pointer)
        ret

        .code64
boot64:
        movabs $boot64_high, %rax
        jmp *%rax

        .globl boot_gdt_pointer
        .balign 8
boot_gdt:
        .quad 0
        .quad 0x00af9b000000ffff        /* 0x08: kernel code */
        .quad 0x00cf93000000ffff        /* 0x10: kernel data */
boot_gdt_end:

        .text
        .code64
boot64_high:
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        xor %eax, %eax
        mov %eax, %fs
        mov %eax, %gs
        movabs $boot_stack_top, %rsp
        xor %ebp, %ebp
        mov boot_start_info(%rip), %edi
        call kernel_main
        ud2

/* Copied to AP_START (below 1 MiB); each other CPU begins here in real mode. */
        .globl ap_start, ap_start_end
        .code16
        .balign 16
ap_start:
        cli
        cld
        mov %cs, %ax
        mov %ax, %ds
        lgdtl (ap_gdt_pointer - ap_start)
        mov $0x11, %eax
        mov %eax, %cr0
        ljmpl $0x18, $(ap_32 - ap_start + 0x8000)
        .code32
ap_32:
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %ss
        mov $0x8ff0, %esp
        mov $enter_long, %eax
        call *%eax
        ljmp $0x08, $(ap_64 - ap_start + 0x8000)
        .code64
ap_64:
        movabs $ap_high, %rax
        jmp *%rax
        .balign 8
ap_gdt:
        .quad 0
        .quad 0x00af9b000000ffff
        .quad 0x00cf93000000ffff
        .quad 0x00cf9b000000ffff        /* 0x18: 32-bit code */
ap_gdt_pointer:
        .word 31
        .long ap_gdt - ap_start + 0x8000
ap_start_end:

ap_high:
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        xor %eax, %eax
        mov %eax, %fs
        mov %eax, %gs
        mov ap_stack(%rip), %rsp
        xor %ebp, %ebp
        call arch_ap_main
        ud2

        .data
        .balign 8
        .globl boot_start_info, ap_stack
boot_start_info:
        .quad 0
ap_stack:
        .quad 0
boot_gdt_pointer:
        .word boot_gdt_end - boot_gdt - 1
        .long boot_gdt

        .section .bss
        .balign 4096
        .globl boot_tables, boot_stack_top
boot_tables:
        .skip 6*4096
        .skip 16384
boot_stack_top:
