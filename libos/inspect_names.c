/* What capabilities and bindings are called where people read of them. */
#include "libos/inspect.h"

#include "libos/book.h"

const char *inspect_kind_name(uint32_t kind)
{
    static const char *const names[CAP_KIND_COUNT] = {[CAP_REGION] = "region",
                                                      [CAP_FRAMES] = "frames",
                                                      [CAP_ENV] = "environment",
                                                      [CAP_THREAD] = "thread",
                                                      [CAP_CPU] = "processors",
                                                      [CAP_NOTIFICATION] = "notification",
                                                      [CAP_CONSOLE] = "console",
                                                      [CAP_MACHINE] = "power",
                                                      [CAP_INSPECT] = "inspect",
                                                      [CAP_NIC] = "network card",
                                                      [CAP_RING] = "ring",
                                                      [CAP_GRAFT] = "graft",
                                                      [CAP_EXTENT] = "disk blocks",
                                                      [CAP_DISK_RING] = "disk ring",
                                                      [CAP_PORTS] = "ports",
                                                      [CAP_IRQ] = "interrupt lines",
                                                      [CAP_PCI] = "PCI functions",
                                                      [CAP_DEVICE] = "device",
                                                      [CAP_WINDOW] = "registers",
                                                      [CAP_ENDPOINT] = "endpoint",
                                                      [CAP_SIGNAL] = "signal",
                                                      [CAP_GRAFT_MAP] = "graft map",
                                                      [CAP_FILTERS] = "filters",
                                                      [CAP_TREE] = "tree of blocks",
                                                      [CAP_FLOWS] = "part of the network card"};

    return kind < CAP_KIND_COUNT && names[kind] ? names[kind] : "unknown";
}

const char *inspect_held_name(node_t node)
{
    uint32_t offset = inspect_node_offset(node);
    const char *name = "held by the kernel";

    switch (book_frame(inspect_node_frame(node))->type) {
    case FRAME_THREAD:
        name = offset == NODE_AT_ORIGIN   ? "thread of an L4 task"
               : offset == NODE_AT_BOUND  ? "notification bound to it"
               : offset == NODE_AT_COUNTS ? "reads counters"
                                          : "used as UTCB";
        break;
    case FRAME_ENV:
        name = offset == NODE_AT_WATCH    ? "told of its end"
               : offset == NODE_AT_KMEM   ? "kernel memory"
               : offset == NODE_AT_PORTS  ? "mapped ports"
               : offset == NODE_AT_ORIGIN ? "space of an L4 task"
               : offset >= NODE_AT_PLACES ? "graft at a place"
               : offset >= NODE_AT_TABLES ? "capability table"
                                          : name;
        break;
    case FRAME_RING:
        name = offset == NODE_AT_MEMORY   ? "memory of the ring"
               : offset == NODE_AT_FILTER ? "filter of the ring"
               : offset == NODE_AT_NOTIFY ? "told of packets"
               : offset == NODE_AT_CARD   ? "card of the ring"
                                          : "handler of the ring";
        break;
    case FRAME_DISK_RING:
        name = offset == NODE_AT_BUFFER   ? "memory of the disk ring"
               : offset == NODE_AT_EXTENT ? "blocks of the disk ring"
               : offset == NODE_AT_TELL   ? "told of the disk"
                                          : "handler of the disk ring";
        break;
    case FRAME_TREE:
        name = offset == NODE_AT_ABOVE ? "blocks of the tree" : "template of the tree";
        break;
    case FRAME_DEVICE:
        name = offset == NODE_AT_PCI     ? "function of the device"
               : offset == NODE_AT_FAULT ? "told of the device's faults"
                                         : "told of the device's messages";
        break;
    case FRAME_GRAFT:
        name = offset == NODE_AT_ABORT ? "told of the graft's abort" : "map of the graft";
        break;
    case FRAME_GRAFT_MAP:
        name = offset == NODE_AT_VALUES ? "values of the map" : "told of the map's records";
        break;
    case FRAME_FILTERS:
        name = offset == NODE_AT_RING ? "ring of the filters" : "graft of the filters";
        break;
    case FRAME_FLOWS:
        name = "a smaller part of the card";
        break;
    case FRAME_IO_NODES:
        name = "in an I/O page table";
        break;
    default:
        break;
    }
    return name;
}
