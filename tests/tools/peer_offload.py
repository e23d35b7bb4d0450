"""A peer for tests of checksums and segments that are left to the card. What the guest sends goes over a bridge
to a second tap, which takes no offloads: there this host's kernel has completed all sums and cut all segments, and each
frame is judged by its bytes. By packets of its own kind the guest asks what came, and for packets without sums."""
import fcntl
import os
import pathlib
import select
import socket
import struct
import subprocess

import tap_net

SECOND, BRIDGE = "exo4b", "exo4br"
OWN_KIND = 0x88B5        # Ethernet type, for local experiments
REPORT, SEND = 1, 2      # what is asked: what came since the last report; packets of some kinds
HOST, GUEST = bytes((10, 77, 0, 1)), bytes((10, 77, 0, 2))
OWN_MAC = bytes((2, 0, 0, 0, 0, 1))
IPV4, TCP, UDP = 0x0800, 6, 17
PORT = 7
SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM, DATA_VALID = 1, 2


def total(data, start=0):
    """Pairs of bytes, added up with carries coming in again."""
    data += bytes(len(data) % 2)
    start += sum(struct.unpack(f"!{len(data) // 2}H", data))
    while start >> 16:
        start = (start & 0xFFFF) + (start >> 16)
    return start


def pseudo(ip, protocol, length):
    return total(ip[12:20] + struct.pack("!HH", protocol, length))


def open_second():
    tap = os.open(tap_net.TUN, os.O_RDWR)
    fcntl.ioctl(tap, tap_net.TUNSETIFF, struct.pack("16sH22x", SECOND.encode(), tap_net.TAP | tap_net.NO_PI))
    first = tap_net.NAME.decode()
    for command in (f"link add {BRIDGE} type bridge", f"link set {first} master {BRIDGE}", f"link set {SECOND} master {BRIDGE}",
                    f"link set {SECOND} txqueuelen {tap_net.WAITING}"):
        subprocess.run(["ip", *command.split()], check=True)
    for name in (BRIDGE, SECOND):
        pathlib.Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
    return tap


class Came:
    """What came of TCP and UDP since the last report."""

    def __init__(self):
        self.good = self.bad = self.contents = self.longest = 0
        self.first = None  # sequence number

    def note(self, frame):
        ip = frame[14:]
        head, length = (ip[0] & 15) * 4, struct.unpack_from("!H", ip, 2)[0]
        transport = ip[head:length]
        if ip[9] not in (TCP, UDP) or ip[12:16] != GUEST:
            return
        good = total(ip[:head]) == 0xFFFF and 14 + length <= len(frame)
        good &= total(transport, pseudo(ip, ip[9], len(transport))) == 0xFFFF
        self.longest = max(self.longest, len(frame))
        if ip[9] == TCP:
            good &= self.note_contents(transport)
        elif transport[6:8] == b"\0\0":
            good = False  # of UDP no sum would be one, too
        self.good += good
        self.bad += not good

    def note_contents(self, transport):
        """The byte at sequence number n is the low one of n * 7 + n / 256; segments come in order."""
        at = struct.unpack_from("!I", transport, 4)[0]
        contents = transport[(transport[12] >> 4) * 4:]
        self.contents += len(contents)
        in_order = self.first in (None, at)
        self.first = at + len(contents)
        return in_order and contents == bytes((n * 7 + (n >> 8)) & 0xFF for n in range(at, at + len(contents)))


def packet(to, protocol, partial):
    """A frame for the guest, and the virtio header for it: without its sum, or with it."""
    contents = bytes(range(200))
    transport = bytearray(struct.pack("!HHIIBBHHH", PORT, PORT, 1, 1, 5 << 4, 0x10, 1000, 0, 0) if protocol == TCP
                          else struct.pack("!HHHH", PORT, PORT, 8 + len(contents), 0)) + contents
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(transport), 0, 0x4000, 64, protocol, 0) + HOST + GUEST
    ip = ip[:10] + struct.pack("!H", 0xFFFF - total(ip)) + ip[12:]
    at = 16 if protocol == TCP else 6
    half = pseudo(ip, protocol, len(transport))
    value = half if partial else 0xFFFF - total(bytes(transport), half)
    struct.pack_into("!H", transport, at, value)
    header = struct.pack("<BBHHHH", NEEDS_CSUM if partial else 0, 0, 0, 0, 34 if partial else 0, at if partial else 0)
    return header + to + OWN_MAC + struct.pack("!H", IPV4) + ip + bytes(transport)


def answer(sender, guest, asked, came):
    """`asked`: what is wanted, and its number."""
    if asked[0] == SEND:
        for protocol in (TCP, UDP):
            for partial in (True, False):
                sender.send(packet(guest, protocol, partial))
    sender.send(bytes(10) + guest + OWN_MAC + struct.pack("!HBB", OWN_KIND, asked[0], asked[1])
                + struct.pack("!IIII", came.good, came.bad, came.contents, came.longest) + bytes(30))


def serve(wire):
    second = open_second()
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sender.bind((tap_net.NAME.decode(), 0))
    wire.raw.close()
    came = Came()
    while True:
        ready, _, _ = select.select([second, wire.control], [], [])
        if wire.control in ready:
            os.close(second)
            return
        frame = os.read(second, 65536 + 100)
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == OWN_KIND and frame[6:12] != OWN_MAC:
            answer(sender, frame[6:12], frame[14:16], came)
            came = Came()
        elif kind == IPV4:
            came.note(frame)
