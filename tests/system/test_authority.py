#!/usr/bin/env python3
"""Strangers under one port authority on one card: two web servers, a key-value store and programs that misbehave, all
reached at once; a port that is taken, and comes back when who had it dies; and, on a network of the test's own, who
answers ARP and ping, and who hears broadcasts."""
import contextlib
import pathlib
import socket
import struct
import sys
import tempfile
import time
import urllib.request

import mkarchive
import qemu
from pumping import pumping
from tap_print import check, done, equal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import tap_net  # noqa: E402

PATIENCE = 60  # seconds
BIG = bytes(range(256)) * 1024
PEER, GUEST = bytes((10, 0, 2, 2)), bytes((10, 0, 2, 15))
PEER_MAC, ALL = bytes((2, 0, 0, 0, 0, 1)), bytes([255] * 6)
IPV4, ARP, ICMP, TCP, UDP = 0x0800, 0x0806, 1, 6, 17
UNREACHABLE, ECHO_REPLY = 3, 0
QUIET = 1.0  # seconds without an answer: there is none

free_tcp = qemu.free_port


def free_udp():
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read()


def ask_udp(port, payload, tries=1):
    """The answer to a datagram, or None; one may be lost while nobody has the port."""
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", port))
        s.settimeout(PATIENCE / max(tries, 6))
        for _ in range(tries):
            s.send(payload)
            with contextlib.suppress(OSError):
                return s.recv(2048)
    return None


def kv_set_and_get(port):
    """memcached's binary protocol: the value of a key that was set."""
    set_it = struct.pack(">4HBBHBBHIIQ", 1, 0, 1, 0, 0x80, 1, 1, 8, 0, 0, 14, 0, 0) + bytes(8) + b"k" + b"value"
    get_it = struct.pack(">4HBBHBBHIIQ", 2, 0, 1, 0, 0x80, 0, 1, 0, 0, 0, 1, 0, 0) + b"k"
    ask_udp(port, set_it)
    return (ask_udp(port, get_it) or b"")[-5:]


def test_serving(ports, when):
    equal((fetch(ports["http"], "/hello.txt"), fetch(ports["direct"], "/big.bin") == BIG,
           kv_set_and_get(ports["kv"]), ask_udp(ports["echo"], b"hello")),
          (b"hello\n", True, b"value", b"hello"), f"two web servers, a store and an echo server serve {when}")


def test_strangers(image, smp):
    """Each line is a program with no card of its own."""
    programs = ("low:http:80 http_direct:8080 kv_server:11211 stranger:echo:5000 stranger:echo:5000 low:stranger:ping "
                "stranger:spoof stranger:flood http:81 http:8080")
    ports = {"http": free_tcp(), "direct": free_tcp(), "kv": free_udp(), "echo": free_udp()}
    fwd = (f"{ports['http']}:80,{ports['direct']}:8080,udp:{ports['kv']}:11211,udp:{ports['echo']}:5000")
    cpus = f"{smp} CPU{'s' if smp > 1 else ''}"
    options = qemu.Options(append=f"run=port_authority {programs}", initrd=image, net="user", fwd=fwd, smp=smp)
    with qemu.Machine(options) as m:
        def said(text, count=1):
            return m.wait_for(lambda: (bytes(m.out) + bytes(m.err)).count(text) >= count, PATIENCE)

        for text in (b"http: serving the boot image on port 80\n", b"http_direct: serving the boot image on port 8080",
                     b"kv_server: port 11211", b"stranger: echo on port 5000", b"stranger: answers ping"):
            check(said(text), f"{cpus}: {text.decode().strip()}", bytes(m.out[-2000:] + m.err))
        check(said(b"stranger: port 5000: the object is taken"), f"{cpus}: who asks for a taken port is told so")
        check(said(b"http: the network: the object is taken"), f"{cpus}: so is a server")
        check(said(b"http: the network: the capability lacks a right"), f"{cpus}: a low port is not everybody's")
        check(said(b"stranger ok", 18) and b"FAILED" not in m.out,
              f"{cpus}: what is not its own a stranger neither binds nor sends", bytes(m.out[-3000:]))
        check(said(b"stranger: 10000 messages"), f"{cpus}: one floods the authority")
        with pumping(m):
            test_serving(ports, f"meanwhile, on {cpus}")
            ask = socket.socket(type=socket.SOCK_DGRAM)
            ask.connect(("127.0.0.1", ports["echo"]))
            ask.send(b"die of this")
            ask.close()
        check(said(b"stranger: echo on port 5000", 2), f"{cpus}: the port of one that died is the next one's",
              "\n".join(m.log))
        with pumping(m):
            equal(ask_udp(ports["echo"], b"again", 6), b"again", f"{cpus}: who serves it")
            test_serving(ports, f"then, too, on {cpus}")
        equal((m.panic, m.guest_status), (None, None), f"{cpus}: the kernel is well")
        check(any("stranger ended with status 139" in line for line in m.log), f"{cpus}: the death is told of",
              "\n".join(m.log))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(protocol, body, to=GUEST, mac=ALL):
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0) + PEER + to
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return (mac + PEER_MAC + struct.pack("!H", IPV4) + ip + body).ljust(60, b"\0")


def datagram(port, payload, **where):
    return packet(UDP, struct.pack("!HHHH", 7, port, 8 + len(payload), 0) + payload, **where)


def question(asked):
    return (ALL + PEER_MAC + struct.pack("!HHHBBH", ARP, 1, IPV4, 6, 4, 1) + PEER_MAC + PEER + bytes(6)
            + asked).ljust(60, b"\0")


class Lan:
    """The other side of the guest's card."""

    def __init__(self, control):
        self.control = control

    def answers(self, frame, fits):
        """All frames that fit, from one sent until it is quiet. ARP questions are answered meanwhile."""
        self.control.send(frame)
        got, until = [], time.monotonic() + QUIET
        while (left := until - time.monotonic()) > 0:
            self.control.settimeout(left)
            try:
                frame = self.control.recv(65536)
            except TimeoutError:
                break
            if frame[12:14] == struct.pack("!H", ARP) and frame[20:22] == b"\0\1" and frame[38:42] == PEER:
                self.control.send((frame[6:12] + PEER_MAC + struct.pack("!HHHBBH", ARP, 1, IPV4, 6, 4, 2)
                                   + PEER_MAC + PEER + frame[22:32]).ljust(60, b"\0"))
            elif fits(frame):
                got.append(frame)
        return got


def is_ip(protocol, begins=b""):
    return lambda f: f[12:14] == b"\x08\0" and f[23] == protocol and f[26:30] == GUEST and f[34:].startswith(begins)


def is_arp_answer(f):
    return f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2"


def test_rules(lan, pinger):
    who = f"with {'a stranger' if pinger else 'the authority'} for ping"
    claims = lan.answers(question(GUEST), is_arp_answer)
    mac = claims[0][22:28] if claims else ALL
    check(len(claims) >= 2 and all(f[6:12] == f[22:28] == mac and f[28:32] == GUEST for f in claims),
          f"{who}: all that answer ARP name the one card", claims)
    equal(len(lan.answers(question(bytes((10, 0, 2, 16))), is_arp_answer)), 0, f"{who}: nobody claims another address")
    body = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + b"ping" * 4
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    equal(len(lan.answers(packet(ICMP, body, mac=mac), is_ip(ICMP, bytes((ECHO_REPLY,))))), 1,
          f"{who}: a ping is answered once")
    equal(len(lan.answers(datagram(5000, b"hello", mac=mac), is_ip(UDP))), 1, f"{who}: a datagram its owner answers")
    equal(len(lan.answers(datagram(5000, b"hello", to=bytes([255] * 4)), is_ip(UDP))), 0,
          f"{who}: a broadcast does not reach who has the port")
    equal(len(lan.answers(datagram(5001, b"hello", mac=mac), is_ip(ICMP, bytes((UNREACHABLE, 3))))), int(not pinger),
          f"{who}: a port that nobody has is refused by who has ICMP")
    syn = struct.pack("!HHIIBBHHH", 7, 81, 1, 0, 0x50, 2, 1000, 0, 0)
    syn = syn[:16] + struct.pack("!H", checksum(PEER + GUEST + struct.pack("!HH", TCP, 20) + syn)) + syn[18:]
    refused = lan.answers(packet(TCP, syn, mac=mac), is_ip(TCP))
    equal([f[47] & 4 for f in refused], [4], f"{who}: a connection to a port that nobody has is reset")


def test_lan(image, programs, pinger):
    with tap_net.TapNet("relay", 1) as net:
        options = qemu.Options(append=f"run=port_authority address=10.0.2.15,255.255.255.0,10.0.2.2 {programs}",
                               initrd=image, net=f"fd:{net.fds[0]}", pass_fds=tuple(net.fds))
        with qemu.Machine(options) as m:
            up = m.wait_for(lambda: b"echo on port 5000" in m.out and b"serving the boot image" in m.out
                            and (not pinger or b"answers ping" in m.out), PATIENCE)
            check(up, "the strangers come up on a network of the test's own", bytes(m.out + m.err))
            with pumping(m):
                test_rules(Lan(net.control), pinger)
            equal((m.panic, m.guest_status), (None, None), "the kernel is well")


def main():
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        (work / "root").mkdir()
        (work / "root/hello.txt").write_bytes(b"hello\n")
        (work / "root/big.bin").write_bytes(BIG)
        with open(work / "image.cpio", "wb") as out:
            mkarchive.make(out, trees=[work / "root"], archives=[qemu.SYSTEM])
        image = str(work / "image.cpio")
        for smp in (1, 2):
            test_strangers(image, smp)
        try:
            test_lan(image, "low:http:80 stranger:echo:5000", False)
            test_lan(image, "low:http:80 stranger:echo:5000 low:stranger:ping", True)
        except tap_net.Unavailable as problem:
            check(True, f"who answers ARP and ping # SKIP no network of its own: {problem}")
    done()


main()
