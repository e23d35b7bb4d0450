# Returns twice if the library OS can do that, else with an error.
.text
.global vfork
.hidden libos_vfork
.type vfork,@function
vfork:
	jmp libos_vfork
.size vfork,.-vfork
