#!/usr/bin/env python3
"""Checksums that are left to the card, from outside: a guest on a tap, whose packets this machine's own TCP takes and gives.
Every packet is watched: those that should be without a sum are, with the pseudo header's in its place; all others have
theirs. So it is on a ring of the kernel's card and on a card of one's own; and where the card offers nothing, all is summed."""
import os
import pathlib
import socket
import struct
import tempfile
import threading

import mkarchive
import qemu
import serving
from pumping import pumping
from tap_print import check, done, equal

SOL_PACKET, PACKET_VNET_HDR, OUTGOING = 263, 15, 4
NEEDS_CSUM = 1
TCP, UDP = 6, 17
BIG = 2_000_000


def total(data, start=0):
    data += bytes(len(data) % 2)
    start += sum(struct.unpack(f"!{len(data) // 2}H", data))
    while start >> 16:
        start = (start & 0xFFFF) + (start >> 16)
    return start


class Watch:
    """Counts the packets of TCP and UDP that the guest sends and gets, with and without their sums."""

    def __init__(self):
        self.counts = dict.fromkeys(("sent partial", "sent whole", "sent wrong", "got partial", "got whole"), 0)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self.socket.bind((serving.TAP, 0))
        self.socket.settimeout(0.1)
        self.over = False
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.over:
            try:
                data, (_, _, kind, *_) = self.socket.recvfrom(70000)
            except TimeoutError:
                continue
            self._note(struct.unpack("<BBHHHH", data[:10]), data[10:], "got" if kind == OUTGOING else "sent")

    def _note(self, header, frame, way):
        if frame[12:14] != b"\x08\0" or frame[23] not in (TCP, UDP):
            return
        head, length = (frame[14] & 15) * 4, struct.unpack_from("!H", frame, 16)[0]
        start, at = 14 + head, 16 if frame[23] == TCP else 6
        transport = frame[start:14 + length]
        half = total(frame[26:34] + struct.pack("!HH", frame[23], len(transport)))
        if header[0] & NEEDS_CSUM:
            good = header[4:] == (start, at) and struct.unpack_from("!H", transport, at)[0] == half
            self.counts[f"{way} partial" if good or way == "got" else "sent wrong"] += 1
        else:
            good = total(transport, half) == 0xFFFF or way == "got"
            self.counts[f"{way} whole" if good else "sent wrong"] += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.socket.close()


def fetch(path):
    return serving.client("curl", "-sS", f"http://{serving.GUEST}/{path}")


def use_web(way, big):
    equal(fetch("small"), (0, b"small"), f"{way}: a short document")
    check(fetch("big") == (0, big), f"{way}: two megabytes, unchanged")
    check(serving.at_once(lambda _: fetch("big") == (0, big), 4) == [True] * 4, f"{way}: four times at once")


def use_store(way, _):
    """memcached's binary protocol over UDP: what is not there is not found."""
    question = struct.pack("!HHHH", 7, 0, 1, 0) + struct.pack("!BBHBBHIIQ", 0x80, 0, 3, 0, 0, 0, 3, 9, 0) + b"key"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((serving.GUEST, 11211))
        s.settimeout(serving.PATIENCE)
        good = 0
        for _ in range(50):
            s.send(question)
            answer = s.recv(2048)
            good += answer[8] == 0x81 and struct.unpack_from("!H", answer, 14)[0] == 1
    equal(good, 50, f"{way}: 50 questions to the key-value store are answered")


def test_way(image, big, way, command, word, use, own, off, wanted):
    tap = f"tap:{serving.TAP}"
    networks = {"iommu": "1", "net": "user", "net2": tap} if own else {"net": tap}
    further = tuple(word for feature in off for word in ("-global", f"virtio-net-pci.{feature}=off"))
    options = qemu.Options(append=f"run={command}", initrd=image, further=further, smp=1 + own, **networks)
    with Watch() as watch, qemu.Machine(options) as machine:
        check(machine.wait_for(lambda: word in machine.out, 60), f"{way}: the server is up", bytes(machine.out + machine.err))
        with pumping(machine):
            use(way, big)
        equal((machine.panic, machine.guest_status), (None, None), f"{way}: it serves on")
    seen = watch.counts
    sent, got = wanted
    check(not seen["sent wrong"], f"{way}: no packet's sum is wrong", seen)
    check((seen["sent partial"] > 20) == sent and (sent or not seen["sent partial"]) and (seen["sent whole"] > 20) != sent,
          f"{way}: sums are the {'card' if sent else 'guest'}'s", seen)
    check((seen["got partial"] > 20) == got and (got or not seen["got partial"]),
          f"{way}: what comes has {'none' if got else 'them'}", seen)


def main():
    serving.begin("curl", "ip")
    http, direct, store = (f"{name} 80 {serving.GUEST}" for name in ("http", "http_direct", "kv_server"))
    store = store.replace(" 80 ", " 11211 ")
    up, none = b"serving the boot image", ("csum", "guest_csum")
    with tempfile.TemporaryDirectory(prefix="exo4-offload-") as name:
        work = pathlib.Path(name)
        (work / "root").mkdir()
        big = os.urandom(BIG)
        (work / "root/big").write_bytes(big)
        (work / "root/small").write_bytes(b"small")
        with open(work / "image.cpio", "wb") as out:
            mkarchive.make(out, trees=[work / "root"], archives=[qemu.SYSTEM])
        for way, command, word, use, own, off, wanted in (
                ("lwIP, ring", http, up, use_web, False, (), (True, True)),
                ("lwIP, card", http + " card", up, use_web, True, (), (True, True)),
                ("direct, ring", direct, up, use_web, False, (), (False, True)),
                ("direct, card", direct + " card", up, use_web, True, (), (False, True)),
                ("store, ring", store, b"kv_server: port", use_store, False, (), (False, True)),
                ("store, card", store + " card", b"kv_server: port", use_store, True, (), (False, False)),
                ("ring without offloads", http, up, use_web, False, none, (False, False)),
                ("card without offloads", http + " card", up, use_web, True, none, (False, False)),
                ("ring, to send only", http, up, use_web, False, none[1:], (True, False)),
                ("card, to receive only", http + " card", up, use_web, True, none[:1], (False, True))):
            test_way(str(work / "image.cpio"), big, way, command, word, use, own, off, wanted)
    done()


main()
