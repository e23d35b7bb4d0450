"""Machines that programs of the lab need beside the plain one."""


def slow_disk(milliseconds):
    """For `further`: a disk of nothing but zeroes, which takes so long, of the host's time, for a request. What
    a program does first is done before the disk is."""
    return ("-blockdev", "driver=null-co,node-name=slow,size=4194304,read-zeroes=on,"
            f"latency-ns={milliseconds * 1000000}", "-device", "virtio-blk-pci,drive=slow,disable-legacy=on")


CARDS = {"iommu": "1", "net": "wire", "net2": "wire"}
