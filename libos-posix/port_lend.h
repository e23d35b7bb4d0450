/* port_lend for platforms that copy at once: included by the file that has their port_map. */
#pragma once

#include "libos-posix/base/mem.h"
#include "libos-posix/port.h"
#include "libos-posix/posix.h"

bool port_lend(vaddr_t va, size_t bytes, rights_t rights, const void *file, uint64_t index)
{
    if (!port_map(va, bytes, RIGHT_READ | RIGHT_WRITE))
        return false;
    for (size_t done = 0, count; done < bytes; done += PAGE_SIZE) {
        const void *from = posix_page(file, index + done / PAGE_SIZE, &count);
        memcpy((void *)(va + done), from, count);
    }
    if (port_protect(va, bytes, rights))
        return true;
    port_unmap(va, bytes);
    return false;
}
