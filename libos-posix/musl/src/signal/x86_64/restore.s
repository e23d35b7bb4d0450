# Where a signal handler returns to when the library OS has built a frame for it.
.text
.global __restore_rt
.hidden __restore_rt
.hidden libos_sigreturn
.type __restore_rt,@function
__restore_rt:
	jmp libos_sigreturn
.size __restore_rt,.-__restore_rt
