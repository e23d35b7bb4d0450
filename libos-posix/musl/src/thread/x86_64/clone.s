# A new thread or process at a function of its own, made by the library OS.
.text
.global __clone
.hidden __clone
.hidden libos_clone
.type __clone,@function
__clone:
	jmp libos_clone
.size __clone,.-__clone
