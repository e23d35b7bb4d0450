/* The commands: each takes what stands behind its name and returns the exit status. */
#pragma once

/* Returned when the arguments are wrong; main prints the usage. */
#define COMMAND_USAGE 2

int command_prove(int count, char **words);
int command_check(int count, char **words);
int command_run(int count, char **words);
int command_disasm(int count, char **words);
int command_fsck(int count, char **words);
int command_dot(int count, char **words);
