# Sets %fs: the library OS knows how on this platform.
.text
.global __set_thread_area
.hidden __set_thread_area
.hidden libos_set_fs
.type __set_thread_area,@function
__set_thread_area:
	jmp libos_set_fs
.size __set_thread_area,.-__set_thread_area
