/*
 * Where in a thread's UTCB the words of quick calls are, from %gs:0, and in struct process their
 * answers; held against quick.h there. Programs that bring the core along, and are started by a
 * keeper of another build, count on these numbers.
 */
#pragma once

#define GS_SLED_END 0xda8 /* where the sled leads to: patch_x86_64.S says why it is this number */
#define GS_QUICK    0xdb0 /* struct process, or 0: no call is quick */
#define QUICK_COUNT 576   /* numbers of calls: all that the sled of patch_x86_64.S lets by */

#define QUICK_NEVER 1 /* where the others have the place of an answer: it needs all registers */

#define QUICK_PID    8
#define QUICK_PARENT 20
#define QUICK_WHO                                                                                  \
    96 /* user and effective user; behind them the saved one, group and effective group */
