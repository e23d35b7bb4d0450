# The last act of a detached thread: its stack goes away, so the library OS must not use it.
.text
.global __unmapself
.hidden libos_unmapself
.type __unmapself,@function
__unmapself:
	jmp libos_unmapself
.size __unmapself,.-__unmapself
