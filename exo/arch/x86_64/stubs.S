/* The links that the L4 kernel interface page names: user code in the kernel's window. The kernel
 * tells which call it is by the return address in rcx. Pistachio's register convention. */
        .section .stubs, "ax"
        .code64
        .macro stub name
        .balign 16
        .globl stub_\name
stub_\name:
        syscall
stub_return_\name:
        ret
        .endm
        .balign 4096
        stub thread_switch
        stub system_clock
        stub unmap
        stub thread_control
        stub space_control
        stub exchange_registers
        stub schedule
        stub processor_control
        stub memory_control
        stub ipc
        stub lipc
