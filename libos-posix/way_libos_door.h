/* How code that is linked with the core calls the core of its family (assembly). */
#pragma once

        .hidden libos_door

/* Registers are as at a `syscall` instruction, and afterwards as behind one. A call that begins again does
 * so at the jump of two bytes: the family goes back by the length of that instruction. */
        .macro door_call
8:      lea 9f(%rip), %rcx
        jmp *libos_door(%rip)
        jmp 8b
9:
        .endm
