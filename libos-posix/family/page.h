/* Filling whole pages of the pool, wherever the code runs: no register of a program is changed. */
#pragma once

#pragma GCC visibility push(hidden)
void page_zero(void *page);
void page_copy(void *to, const void *from);
#pragma GCC visibility pop
