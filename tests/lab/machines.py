"""Machines that programs of the lab need beside the plain one, and archives."""
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "exo/tools"))
import mkarchive  # noqa: E402

ROOT = TOP / "build/lab/root"  # programs of Linux


def slow_disk(milliseconds):
    """For `further`: a disk of nothing but zeroes, which takes so long, of the host's time, for a request. What
    a program does first is done before the disk is."""
    return ("-blockdev", "driver=null-co,node-name=slow,size=4194304,read-zeroes=on,"
            f"latency-ns={milliseconds * 1000000}", "-device", "virtio-blk-pci,drive=slow,disable-legacy=on")


def third_card():
    """For `further`: one more card on the wire, behind the IOMMU."""
    return ("-netdev", "hubport,hubid=1,id=net3", "-device",
            "virtio-net-pci,netdev=net3,disable-legacy=on,vectors=3,romfile=,iommu_platform=on,page-per-vq=on")


CARDS = {"iommu": "1", "net": "wire", "net2": "wire"}
# The kernel's card is on no wire, so that it has nothing to do with what goes over it.
OWN_CARDS = {"iommu": "1", "net": "user", "net2": "wire", "further": third_card()}
# Servers on sockets: the kernel's card is the family's, and the client has the other one.
SOCKETS = ("run=lab_sockets udp", "run=lab_sockets http", "run=lab_sockets kv")


def make_sockets(file, system, program):
    """Writes the boot archive for one of them: beside the system, the server and which one it is to be."""
    form = program.split()[1]
    words = ("/kv_sockets",) if form == "kv" else ("/sockets", form)
    mkarchive.make(file, trees=[ROOT], archives=[system],
                   blobs=[(b".exo4/argv", b"".join(word.encode() + b"\0" for word in words)), (b".exo4/environ", b"")])
    file.flush()
