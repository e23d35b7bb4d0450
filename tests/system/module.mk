# The program of test_exec.py as one that brings its library OS along.
PROGRAMS             += exec_program
exec_program-sources := tests/system/exec_program.c
exec_program-libs    := musl

# The guest of test_disk.py.
PROGRAMS          += disk_life
disk_life-sources := tests/system/disk_life.c
disk_life-libs    := libos
