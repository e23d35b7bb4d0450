# The program of test_exec.py as one that brings its library OS along.
PROGRAMS             += exec_program
exec_program-sources := tests/system/exec_program.c
exec_program-libs    := musl

# The same of test_linked.py.
PROGRAMS               += family_program
family_program-sources := tests/system/family_program.c
family_program-libs    := musl

# The same of test_vfork.py.
PROGRAMS              += vfork_program
vfork_program-sources := tests/system/vfork_program.c
vfork_program-libs    := musl

# What test_inet.py runs here and on Linux.
PROGRAMS             += inet_program
inet_program-sources := tests/system/inet_program.c
inet_program-libs    := musl

# What test_ipv6.py runs here and on Linux.
PROGRAMS                   += interfaces_program
interfaces_program-sources := tests/system/interfaces_program.c
interfaces_program-libs    := musl

# Three web servers side by side, for test_owners.py.
PROGRAMS       += owners
owners-sources := tests/system/owners.c
owners-libs    := libos

# Strangers under one port authority, for test_authority.py.
PROGRAMS         += stranger
stranger-sources := tests/system/stranger.c
stranger-libs    := libos-net

# The guest of test_disk.py.
PROGRAMS          += disk_life
disk_life-sources := tests/system/disk_life.c tests/system/life.c
disk_life-libs    := libos

# The guest of test_dedicated.py.
PROGRAMS           += drive_life
drive_life-sources := tests/system/drive_life.c tests/system/life.c
drive_life-libs    := libos

# Two families on one disk, for test_mount.py.
PROGRAMS          += disk_pair
disk_pair-sources := tests/system/disk_pair.c
disk_pair-libs    := libos

# What test_names.py runs here and on Linux.
PROGRAMS              += names_program
names_program-sources := tests/system/names_program.c
names_program-libs    := musl

# Servers side by side on one card, for test_attack.py.
PROGRAMS           += neighbours
neighbours-sources := tests/system/neighbours.c
neighbours-libs    := libos
