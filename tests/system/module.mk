# The program of test_exec.py as one that brings its library OS along.
PROGRAMS             += exec_program
exec_program-sources := tests/system/exec_program.c
exec_program-libs    := musl
