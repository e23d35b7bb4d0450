/* What the firmware says of the IOMMU. */
#pragma once

#include "exo/abi/types.h"

struct dmar {
    paddr_t base;         /* of the unit's registers                                  */
    uint16_t io_apic;     /* requester number of the I/O APIC                         */
    uint8_t served[32];   /* a bit for each function of bus 0: the unit sees it       */
    const char *unusable; /* why it cannot be used; NULL: it can                      */
};

/* False: the firmware says nothing of an IOMMU. */
bool dmar_read(paddr_t rsdp, struct dmar *out);
