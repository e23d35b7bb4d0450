/* Requests on connections (direct/tcp.h), read for the documents that answer them. */
#pragma once

#include "libos-net/direct/tcp.h"

/* Forgets which requests mean what: before another cache. */
void requests_forget(void);
