#!/usr/bin/env python3
"""A network for one test alone: a namespace with a tap of several queues in it. QEMU has the queues, a
peer (peer_NAME.py) speaks at the other side, and nothing of it reaches another network.

    with TapNet("flows", 4) as net:      # raises Unavailable where this machine has no such thing
        ... -netdev tap,fds=... of net.fds

A peer is a module with serve(wire): it is called in the namespace, and is done when Closed is raised, or it returns. It may
have prepare(): that is called first, when the tap is there; an OSError says that this machine has not what it needs.
"""
import contextlib
import fcntl
import importlib
import os
import pathlib
import select
import socket
import struct
import subprocess
import sys

NAME = b"exo4"
TUN = "/dev/net/tun"
TUNSETIFF = 0x400454CA
TAP, NO_PI, VNET_HDR, MULTI_QUEUE = 2, 0x1000, 0x4000, 0x100
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFTXQLEN, UP = 0x8913, 0x8914, 0x8943, 1
WAITING = 4096  # packets that wait in a queue before they are dropped
ETH_P_ALL, OUTGOING = 3, 4


class Unavailable(Exception):
    """This machine gives no such network; the text says what is missing."""


class Closed(Exception):
    """The test is over."""


class Wire:
    """The peer's end: whole Ethernet frames, out and in."""

    def __init__(self, control):
        self.control = control
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.raw.bind((NAME.decode(), 0))

    def receive(self):
        while True:
            ready, _, _ = select.select([self.raw, self.control], [], [])
            if self.control in ready:
                raise Closed
            frame, (_, _, kind, *_) = self.raw.recvfrom(65536)
            if kind != OUTGOING:
                return frame

    def send(self, frame):
        self.raw.send(frame)


def open_queues(count):
    flags = TAP | NO_PI | VNET_HDR | (MULTI_QUEUE if count > 1 else 0)
    queues = [os.open(TUN, os.O_RDWR) for _ in range(count)]
    for queue in queues:
        fcntl.ioctl(queue, TUNSETIFF, struct.pack("16sH22x", NAME, flags))
    return queues


def bring_up():
    with contextlib.suppress(OSError):  # no neighbour discovery among the test's packets
        pathlib.Path(f"/proc/sys/net/ipv6/conf/{NAME.decode()}/disable_ipv6").write_text("1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFTXQLEN, struct.pack("16si20x", NAME, WAITING))
        request = fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sH22x", NAME, 0))
        flags = struct.unpack_from("H", request, 16)[0]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH22x", NAME, flags | UP))


def inside(peer, count, control):
    """In the namespace: makes the tap, gives its queues away, and is the peer."""
    module = importlib.import_module(f"peer_{peer}")
    try:
        queues = open_queues(count)
        bring_up()
        getattr(module, "prepare", lambda: None)()
        wire = Wire(control)
    except OSError as problem:
        control.send(f"{problem.filename or NAME.decode()}: {problem.strerror}".encode())
        return
    socket.send_fds(control, [b"\n"], queues)
    for queue in queues:
        os.close(queue)
    with contextlib.suppress(Closed):
        module.serve(wire)


class TapNet:
    """While it is entered, the network is there; `fds` are the tap's queues."""

    def __init__(self, peer, queues):
        self.peer, self.queues = peer, queues

    def __enter__(self):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *as_root, "--net", sys.executable,
                   __file__, self.peer, str(self.queues), str(theirs.fileno())]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                                        stderr=subprocess.PIPE, start_new_session=True)
        theirs.close()
        said, self.fds, _, _ = socket.recv_fds(self.control, 4096, self.queues)
        if len(self.fds) != self.queues:
            self.__exit__()
            raise Unavailable(said.decode() or self.complaint or "no network namespace")
        return self

    def __exit__(self, *_):
        self.control.close()
        self.complaint = self.process.communicate()[1].decode(errors="replace").strip()
        for fd in self.fds:
            os.close(fd)
        if self.fds and self.complaint:
            raise RuntimeError(f"the peer {self.peer} failed: {self.complaint}")


if __name__ == "__main__":
    inside(sys.argv[1], int(sys.argv[2]), socket.socket(fileno=int(sys.argv[3])))
