/*
 * What virtio 1.1 lays down of modern devices on PCI: registers, bits, and the memory of a split
 * virtqueue. Here because the kernel's drivers and those of programs (dedicated devices) drive the
 * same devices. Names in quotes are sections of the specification.
 */
#pragma once

#include "exo/abi/types.h"

/* "PCI Device Discovery". */
#define VIRTIO_VENDOR              0x1af4u
#define VIRTIO_DEVICE_MODERN       0x1040u /* + number                           */
#define VIRTIO_DEVICE_TRANSITIONAL 0x0fffu /* + number, for the first few numbers */
#define VIRTIO_NET                 1u      /* "Device Types": numbers            */
#define VIRTIO_BLOCK               2u

/* "Virtio Structure PCI Capabilities": offsets into a capability, and kinds of structures. */
#define VIRTIO_CAP_KIND       3u
#define VIRTIO_CAP_BAR        4u
#define VIRTIO_CAP_OFFSET     8u
#define VIRTIO_CAP_LENGTH     12u
#define VIRTIO_CAP_MULTIPLIER 16u /* of KIND_NOTIFY only */
#define VIRTIO_KIND_COMMON    1u
#define VIRTIO_KIND_NOTIFY    2u
#define VIRTIO_KIND_CONFIG    4u

/* "Common configuration structure layout": offsets. */
#define VIRTIO_AT_DEVICE_SELECT 0u
#define VIRTIO_AT_DEVICE_BITS   4u
#define VIRTIO_AT_DRIVER_SELECT 8u
#define VIRTIO_AT_DRIVER_BITS   12u
#define VIRTIO_AT_CONFIG_VECTOR 16u
#define VIRTIO_AT_QUEUES        18u
#define VIRTIO_AT_STATUS        20u
#define VIRTIO_AT_QUEUE_SELECT  22u
#define VIRTIO_AT_QUEUE_SIZE    24u
#define VIRTIO_AT_QUEUE_VECTOR  26u
#define VIRTIO_AT_QUEUE_ENABLE  28u
#define VIRTIO_AT_QUEUE_BELL    30u
#define VIRTIO_AT_QUEUE_DESC    32u
#define VIRTIO_AT_QUEUE_DRIVER  40u
#define VIRTIO_AT_QUEUE_DEVICE  48u
#define VIRTIO_COMMON_BYTES     56u
#define VIRTIO_NO_VECTOR        0xffffu

/* "Device Status Field". */
#define VIRTIO_STATUS_FOUND       1u
#define VIRTIO_STATUS_DRIVER      2u
#define VIRTIO_STATUS_GOING       4u
#define VIRTIO_STATUS_AGREED      8u
#define VIRTIO_STATUS_NEEDS_RESET 64u

/* "Reserved Feature Bits". */
#define VIRTIO_F_VERSION_1       ((uint64_t)1 << 32)
#define VIRTIO_F_ACCESS_PLATFORM ((uint64_t)1 << 33) /* its addresses are the IOMMU's */

/* "Network Device". */
#define VIRTIO_NET_QUEUE_RX     0u
#define VIRTIO_NET_QUEUE_TX     1u
#define VIRTIO_NET_F_CSUM       ((uint64_t)1 << 0)
#define VIRTIO_NET_F_GUEST_CSUM ((uint64_t)1 << 1)
#define VIRTIO_NET_F_MTU        ((uint64_t)1 << 3)
#define VIRTIO_NET_F_MAC        ((uint64_t)1 << 5)
#define VIRTIO_NET_F_HOST_TSO4  ((uint64_t)1 << 11)
#define VIRTIO_NET_F_STATUS     ((uint64_t)1 << 16)
#define VIRTIO_NET_F_CTRL_VQ    ((uint64_t)1 << 17)
#define VIRTIO_NET_F_MQ         ((uint64_t)1 << 22)
#define VIRTIO_NET_F_RSS        ((uint64_t)1 << 60)
#define VIRTIO_NET_CONFIG_MAC   0u
#define VIRTIO_NET_CONFIG_LINK  6u
#define VIRTIO_NET_CONFIG_PAIRS 8u
#define VIRTIO_NET_CONFIG_MTU   10u
#define VIRTIO_NET_CONFIG_KEY   17u
#define VIRTIO_NET_CONFIG_TABLE 18u
#define VIRTIO_NET_CONFIG_TYPES 20u
#define VIRTIO_NET_LINK_IS_UP   1u /* bit of the 16 at CONFIG_LINK */
#define VIRTIO_NET_HEADER_BYTES 12u

/* What stands before every packet, sent or received. */
struct virtio_net_header {
    uint8_t flags; /* VIRTIO_NET_HEADER_* */
    uint8_t segments;
    uint16_t head_bytes; /* of all headers of a packet to be cut */
    uint16_t segment_bytes;
    uint16_t csum_start, csum_offset;
    uint16_t buffers; /* of received packets only */
};
_Static_assert(sizeof(struct virtio_net_header) == VIRTIO_NET_HEADER_BYTES, "header layout");
#define VIRTIO_NET_HEADER_NEEDS_CSUM 1u
#define VIRTIO_NET_HEADER_DATA_VALID 2u
#define VIRTIO_NET_HEADER_TCPV4      1u /* segments */

/* With several pairs, pair i has queues 2i and 2i + 1, and the control queue is behind all that the
 * device has. "Control Virtqueue": a command is class, command, data; the device writes a byte. */
#define VIRTIO_NET_CLASS_MQ      4u
#define VIRTIO_NET_MQ_PAIRS      0u /* 16 bits: how many; steering is automatic */
#define VIRTIO_NET_MQ_RSS        1u
#define VIRTIO_NET_OK            0u
#define VIRTIO_NET_NO_ANSWER     0xffu /* none of the specification's: not answered yet */
#define VIRTIO_NET_COMMAND_BYTES 2u

/* "Receive-side scaling": kinds of packets that are hashed, of those that this project speaks. */
#define VIRTIO_NET_HASH_IPV4 1u
#define VIRTIO_NET_HASH_TCP4 2u
#define VIRTIO_NET_HASH_UDP4 4u
#define VIRTIO_NET_HASH_IPV6 8u
#define VIRTIO_NET_HASH_TCP6 16u
#define VIRTIO_NET_HASH_UDP6 32u

/* "Block Device". */
#define VIRTIO_BLOCK_QUEUE        0u
#define VIRTIO_BLOCK_F_READ_ONLY  ((uint64_t)1 << 5)
#define VIRTIO_BLOCK_F_FLUSH      ((uint64_t)1 << 9)
#define VIRTIO_BLOCK_READ         0u
#define VIRTIO_BLOCK_WRITE        1u
#define VIRTIO_BLOCK_FLUSH        4u
#define VIRTIO_BLOCK_OK           0u
#define VIRTIO_BLOCK_NO_STATUS    0xffu /* none of the specification's: not answered yet */
#define VIRTIO_BLOCK_SECTOR_BYTES 512u

/* What goes before and behind the data of a request, in memory of our own shape. */
struct virtio_block_request {
    uint32_t type;
    uint32_t unused;
    uint64_t sector;
    uint8_t status; /* written by the disk */
    uint8_t padding[15];
};
#define VIRTIO_BLOCK_HEADER_BYTES offsetof(struct virtio_block_request, status)
_Static_assert(sizeof(struct virtio_block_request) == 32, "a frame holds 128 requests");

/* "Split Virtqueues", in memory of our own shape: VIRTQ_FRAMES adjacent frames, zeroed at first. */
#define VIRTQ_MAX      256u /* descriptors; a power of two */
#define VIRTQ_FRAMES   2u
#define VIRTQ_AT_DESC  0u /* bytes */
#define VIRTQ_AT_AVAIL 4096u
#define VIRTQ_AT_USED  5120u

#define VIRTQ_DESC_NEXT          1u
#define VIRTQ_DESC_WRITE         2u /* by the device */
#define VIRTQ_AVAIL_NO_INTERRUPT 1u
#define VIRTQ_USED_NO_NOTIFY     1u

struct virtq_desc {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};
_Static_assert(sizeof(struct virtq_desc) * VIRTQ_MAX <= VIRTQ_AT_AVAIL, "descriptors fit");

struct virtq_avail {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[VIRTQ_MAX];
};
_Static_assert(VIRTQ_AT_AVAIL + sizeof(struct virtq_avail) + 2 <= VIRTQ_AT_USED, "avail fits");

struct virtq_used {
    uint16_t flags;
    uint16_t index;
    struct {
        uint32_t id;
        uint32_t length;
    } ring[VIRTQ_MAX];
};
_Static_assert(VIRTQ_AT_USED + sizeof(struct virtq_used) + 2 <= VIRTQ_FRAMES * PAGE_SIZE,
               "used fits");
