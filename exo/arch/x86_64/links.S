/* The links that the L4 kernel interface page names: user code in the kernel's window. The kernel
 * tells which call it is by the return address in rcx. Pistachio's register convention. */
        .section .links, "ax"
        .code64
        .macro link name
        .balign 16
        .globl link_\name
link_\name:
        syscall
link_return_\name:
        ret
        .endm
        .balign 4096
        link thread_switch
        link system_clock
        link unmap
        link thread_control
        link space_control
        link exchange_registers
        link schedule
        link processor_control
        .balign 16
        .globl  link_memory_control
link_memory_control:                    /* two of its arguments are what syscall takes */
        mov     %rcx, %rdi
        mov     %r11, %rbp
        syscall
        ret
        link ipc
        link lipc
