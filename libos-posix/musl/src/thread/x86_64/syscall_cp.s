# A call that is a cancellation point. The library OS defines __cp_begin, __cp_end and __cp_cancel
# around its waiting part, for musl's cancellation handler to compare a program counter with.
.text
.global __syscall_cp_asm
.hidden __syscall_cp_asm
.hidden libos_syscall_cp
.type __syscall_cp_asm,@function
__syscall_cp_asm:
	jmp libos_syscall_cp
.size __syscall_cp_asm,.-__syscall_cp_asm
