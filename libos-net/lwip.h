/* lwIP's headers beside exo4's: both name error codes ERR_OK and ERR_TIMEOUT. Here lwIP's get
 * another name; ERR_OK is 0 in both, so it serves for both. */
#pragma once

#include "exo/abi/error.h"

#define ERR_OK      LWIP_ERR_OK
#define ERR_TIMEOUT LWIP_ERR_TIMEOUT
#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/ip4_addr.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>
#undef ERR_OK
#undef ERR_TIMEOUT

_Static_assert((int)LWIP_ERR_OK == (int)ERR_OK, "ERR_OK means the same to both");
