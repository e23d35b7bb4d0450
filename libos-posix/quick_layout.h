/* Where in a thread's UTCB the words of quick calls are, from %gs:0; held against quick.h there. */
#pragma once

#define GS_SLED_END 0xda8 /* where the sled leads to: patch_x86_64.S says why it is this number */
#define GS_QUICK    0xdb0 /* struct process, or 0: no call is quick */
