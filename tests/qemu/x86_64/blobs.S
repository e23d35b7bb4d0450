/* Instructions for guest tests: probes that survive a fault, and programs for environments made by
 * hand (tests/qemu/guest.h), which are copied to 0x400000 and start with their value in rdi. */
#include "tests/qemu/x86_64/saved.inc"

#define DATA     0x403000
#define SYS_BASE 0x65786f00

        .text
/* bool probe_enter(void (*run)(void *), void *argument): true when a fault led to probe_recover. */
        .globl  probe_enter
probe_enter:
        push_saved
        sub     $8, %rsp
        mov     %rsp, probe_sp(%rip)
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        xor     %eax, %eax
        jmp     1f
        .globl  probe_recover
probe_recover:                          /* the hook put rsp back */
        mov     $1, %eax
1:      cld
        add     $8, %rsp
        pop_saved
        ret

/* bool guest_spin(volatile uint64_t *word, uint64_t least): waits until *word is at least that, and says
 * whether the registers and the red zone were left alone meanwhile. */
        .globl  guest_spin
guest_spin:
        push_saved
        mov     %rsp, guest_spin_sp(%rip)
        .irp    reg, rax, rbx, rcx, rdx, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        lea     guest_spin_\reg(%rip), %\reg
        .set    guest_spin_\reg, .
        .endr
        movq    %rax, %xmm0
        movq    %r15, %xmm15
        mov     %rbx, -8(%rsp)
1:      cmp     %rsi, (%rdi)
        jb      1b
        cmp     %rsp, guest_spin_sp(%rip)
        jne     3f
        cmp     %rbx, -8(%rsp)
        jne     3f
        .irp    reg, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdx, rcx, rbx
        lea     guest_spin_\reg(%rip), %rsi
        cmp     %rsi, %\reg
        jne     3f
        .endr
        lea     guest_spin_rax(%rip), %rsi
        cmp     %rsi, %rax
        jne     3f
        movq    %xmm0, %rsi
        cmp     %rsi, %rax
        jne     3f
        movq    %xmm15, %rsi
        cmp     %rsi, %r15
        jne     3f
        mov     $1, %eax
        jmp     4f
3:      xor     %eax, %eax
4:      pop_saved
        ret

/* void guest_syscall(struct guest_regs *) */
        .globl  guest_syscall
guest_syscall:
        push_saved
        mov     %rdi, %rbx
        mov     0(%rbx), %rax
        mov     8(%rbx), %rdi
        mov     16(%rbx), %rsi
        mov     24(%rbx), %rdx
        mov     32(%rbx), %r10
        mov     40(%rbx), %r8
        mov     48(%rbx), %r9
        syscall
        mov     %rax, 0(%rbx)
        mov     %rdi, 8(%rbx)
        mov     %rsi, 16(%rbx)
        mov     %rdx, 24(%rbx)
        mov     %r10, 32(%rbx)
        mov     %r8, 40(%rbx)
        mov     %r9, 48(%rbx)
        pop_saved
        ret

/* uint64_t guest_foreign(struct guest_file *file): a `syscall` with rax = 39 and every register of
 * the file; afterwards the file holds what they were then. Returns the address behind it. */
        .globl  guest_foreign
guest_foreign:
        push_saved
        push    %rdi
        mov     %rsp, 112(%rdi)
        mov     0(%rdi), %rbx
        mov     8(%rdi), %rbp
        mov     16(%rdi), %rsi
        mov     24(%rdi), %rdx
        mov     32(%rdi), %r8
        mov     40(%rdi), %r9
        mov     48(%rdi), %r10
        mov     56(%rdi), %r12
        mov     64(%rdi), %r13
        mov     72(%rdi), %r14
        mov     80(%rdi), %r15
        movq    88(%rdi), %xmm3
        mov     $39, %eax
        syscall
foreign_end:
        mov     (%rsp), %rdi
        mov     %rbx, 0(%rdi)
        mov     %rbp, 8(%rdi)
        mov     %rsi, 16(%rdi)
        mov     %rdx, 24(%rdi)
        mov     %r8, 32(%rdi)
        mov     %r9, 40(%rdi)
        mov     %r10, 48(%rdi)
        mov     %r12, 56(%rdi)
        mov     %r13, 64(%rdi)
        mov     %r14, 72(%rdi)
        mov     %r15, 80(%rdi)
        movq    %xmm3, 88(%rdi)
        mov     %rax, 96(%rdi)
        mov     %rcx, 104(%rdi)
        pop     %rdi
        pop_saved
        lea     foreign_end(%rip), %rax
        ret

/* One exception each: void raise_NAME(void). The instruction that raises it is NAME_at, and is as
 * long as NAME_bytes says; both are read by the handler of upcall.c. */
        .macro  exception name
        .globl  raise_\name, \name\()_at, \name\()_next
raise_\name:
        .endm
        exception divide
        xor     %edx, %edx
        mov     $1, %eax
        xor     %ecx, %ecx
divide_at:
        div     %ecx
divide_next:
        ret
        exception undefined
undefined_at:
        ud2
undefined_next:
        ret
        exception breakpoint
breakpoint_at:
        int3
breakpoint_next:
        ret
        exception privileged
privileged_at:
        hlt
privileged_next:
        ret
        exception gate
gate_at:
        int     $0x80
gate_next:
        ret
        exception canonical
        movabs  $0x8000000000000000, %rax
canonical_at:
        mov     (%rax), %rcx
canonical_next:
        ret
        exception float
        sub     $8, %rsp
        fninit
        fnstcw  (%rsp)
        andl    $~4, (%rsp)             /* let dividing by zero raise one */
        fldcw   (%rsp)
        fld1
        fldz
        fdivrp  %st, %st(1)
float_at:
        fwait
float_next:
        fninit
        add     $8, %rsp
        ret
        exception step
        pushfq
        orq     $0x100, (%rsp)
        popfq                           /* the trap comes behind the next instruction */
        nop
step_at:
        nop
step_next:
        ret

        .bss
        .globl  probe_sp
        .balign 8
probe_sp:
        .skip   8

        .section .rodata
        .macro  blob name
        .globl  blob_\name
        .globl  blob_\name\()_end
blob_\name:
        .endm
        .macro  end name
1:      pause                           /* whoever comes here is to be stopped */
        jmp     1b
blob_\name\()_end:
        .endm

        blob    spin
2:      incq    DATA
        jmp     2b
        end     spin

        blob    load
        mov     (%rdi), %rax
        mov     %rax, DATA
        end     load

        blob    store
        movq    $0x5a, (%rdi)
        movq    $1, DATA
        end     store

        blob    jump
        jmp     *%rdi
        end     jump

        blob    writer                  /* for ever: the word at rdi, and [data], ++ */
2:      incq    (%rdi)
        incq    DATA
        jmp     2b
        end     writer

        blob    undefined
        ud2
        end     undefined

        blob    halt
        hlt
        end     halt

        blob    cli
        cli
        end     cli

        blob    load_cr3
        xor     %eax, %eax
        mov     %rax, %cr3
        end     load_cr3

        blob    read_msr
        mov     $0xc0000082, %ecx
        rdmsr
        end     read_msr

        blob    read_counter
        xor     %ecx, %ecx
        rdpmc
        end     read_counter

        blob    deny_all                /* for a while without data, so that others run */
        mov     %edi, %eax
        xor     %ecx, %ecx
        xor     %edx, %edx
        mov     $500000, %esi
2:      wrpkru
        dec     %esi
        jnz     2b
        wrpkru
        mov     DATA, %rax
        end     deny_all

        blob    write_msr
        mov     $0xc0000082, %ecx
        wrmsr
        end     write_msr

        blob    port_in
        in      $0x60, %al
        end     port_in

        blob    port_out
        mov     $0x10, %al
        out     %al, $0xf4
        end     port_out

        blob    read_clock              /* port 0x70, the battery clock's; [data] = 1 */
        in      $0x70, %al
        movq    $1, DATA
        end     read_clock

        blob    load_idt
        lidt    DATA
        end     load_idt

        blob    swapgs
        swapgs
        end     swapgs

        blob    interrupt
        int     $0x80
        end     interrupt

        blob    timer_vector
        int     $0x20
        end     timer_vector

        blob    double_fault_vector
        int     $8
        end     double_fault_vector

        blob    bad_stack_call
        mov     %rdi, %rsp
        mov     $SYS_BASE, %eax
        syscall
        cmp     %rdi, %rdi
        movq    $1, DATA
        end     bad_stack_call

        blob    bad_stack_fault
        mov     %rdi, %rsp
        push    %rax
        movq    $1, DATA
        end     bad_stack_fault

        blob    linux_call
        mov     $39, %eax
        syscall
        mov     %rax, DATA
        end     linux_call

        blob    align_check
        pushfq
        orq     $0x40000, (%rsp)
        popfq
2:      incq    DATA
        jmp     2b
        end     align_check

/* Links begin at the window's second page, 16 bytes each, in the order of enum kip_link. */
#define UNMAP_LINK 0xffffff0000001020
#define IPC_LINK   0xffffff0000001090

        blob    wait_ipc
2:      xor     %esi, %esi
        mov     $-1, %rdx
        xor     %r8d, %r8d
        xor     %r9d, %r9d
        movabs  $IPC_LINK, %rcx
        call    *%rcx
        incq    DATA
        jmp     2b
        end     wait_ipc

        blob    call_ipc
        mov     %rdi, DATA + 8
2:      mov     DATA + 8, %rsi
        mov     %rsi, %rdx
        xor     %r8d, %r8d
        xor     %r9d, %r9d
        movabs  $IPC_LINK, %rcx
        call    *%rcx
        mov     %r9, DATA + 16
        incq    DATA
        jmp     2b
        end     call_ipc

        blob    unmap_all               /* 64 times the complete space, all rights */
        mov     $0x17, %eax
        mov     %gs:0, %rdi
        xor     %ecx, %ecx
2:      mov     %rax, (%rdi,%rcx,8)
        inc     %ecx
        cmp     $64, %ecx
        jne     2b
        mov     %rax, %r9
        mov     %rax, %rbx
        mov     %rax, %r10
        mov     %rax, %r12
        mov     %rax, %r13
        mov     %rax, %r14
        mov     %rax, %r15
        mov     $63, %edx
        movabs  $UNMAP_LINK, %rcx
        call    *%rcx
        movq    $1, DATA
        end     unmap_all

        blob    sse
        xorps   %xmm0, %xmm0
        .fill   5, 1, 0x90              /* the handler of its exception begins at 8 */
        movq    $1, DATA
        end     sse

        blob    pct_serve
        mov     $(SYS_BASE + 19), %eax
        syscall
        end     pct_serve

        blob    twice
        lea     (%rdi,%rdi), %rax
        ret
        end     twice
        .local  guest_spin_sp
        .comm   guest_spin_sp, 8, 8
        .section .note.GNU-stack, "", @progbits
