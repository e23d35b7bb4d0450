/* Everything is in one image: no address has to be looked up in a table. */
#pragma once
#pragma GCC visibility push(hidden)
