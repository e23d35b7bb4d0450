#!/usr/bin/env python3
"""Interfaces by netlink, as Linux tells of them; and IPv6 on a card: addresses by router advertisement, neighbours, ping, and real servers and clients in both directions."""
import hashlib
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import serving
from tap_print import check, done, equal

BUSYBOX = "/bin/busybox"
PROGRAM = pathlib.Path("build/x86_64/user/interfaces_program.elf")
MAC = bytes.fromhex("525400123456")
PREFIX = "fd00:e4::"
HERE = PREFIX + "1"
INTERFACE_ID = "5054:ff:fe12:3456"  # of MAC, as RFC 4291 makes it
GUEST = PREFIX + INTERFACE_ID
GUEST_LINK = "fe80::" + INTERFACE_ID
BIG = bytes(range(256)) * 4096  # 1 MiB
ETH_P_IPV6, ICMPV6, ALL_NODES = 0x86DD, 58, "ff02::1"
SERVE = f"""httpd -p '[::]:80' -h /www; nc -ll -p 7 -e cat & echo ready
while ! ip -6 addr | grep -q {PREFIX}; do sleep 0.2; done; while ip -6 addr | grep -q tentative; do sleep 0.2; done
program; ip -6 addr show dev eth0; ip -6 route; ping6 -c 2 {HERE}; ping6 -c 1 {GUEST_LINK}%eth0
wget -q -O - 'http://[{HERE}]:8000/' | md5sum; ip -6 neigh | grep {HERE}
wget -q -O /dev/null 'http://[{HERE}]:8001/'; echo refused $?
ip route get 2001:db8::1
echo asked; while [ ! -e /tmp/over ]; do sleep 0.2; done; echo all over
"""


def sum_of(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def advertise():
    """A router's word that the prefix is this network's, and that it is the way to others (RFC 4861)."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.bind((serving.TAP, ETH_P_IPV6))
    mac = raw.getsockname()[4]
    link = mac[:1] + mac[1:3] + b"\xff\xfe" + mac[3:]
    source = b"\xfe\x80" + bytes(6) + bytes([link[0] ^ 2]) + link[1:]
    to = socket.inet_pton(socket.AF_INET6, ALL_NODES)
    prefix = struct.pack(">BBBBIII16s", 3, 4, 64, 0xC0, 3600, 1800, 0, socket.inet_pton(socket.AF_INET6, PREFIX))
    body = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 600, 0, 0) + struct.pack("BB6s", 1, 1, mac) + prefix
    pseudo = source + to + struct.pack(">II", len(body), ICMPV6)
    body = body[:2] + struct.pack(">H", sum_of(pseudo + body)) + body[4:]
    head = struct.pack(">IHBB", 6 << 28, len(body), ICMPV6, 255) + source + to
    raw.send(b"\x33\x33\0\0\0\1" + mac + struct.pack(">H", ETH_P_IPV6) + head + body)


def serve_page():
    """Answers every connection with the same page."""
    listener = socket.create_server((HERE, 8000), family=socket.AF_INET6)

    def serve():
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + BIG)

    threading.Thread(target=serve, daemon=True).start()


def make_root(root):
    (root / "bin").mkdir()
    (root / "www").mkdir()
    (root / "tmp").mkdir()
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for name in ("sh", "httpd", "nc", "cat", "ip", "grep", "ping6", "wget", "md5sum", "sleep", "echo", "touch"):
        (root / "bin" / name).symlink_to("busybox")
    shutil.copy(PROGRAM, root / "bin/program")
    (root / "www/big").write_bytes(BIG)
    (root / "www/cgi-bin").mkdir()
    (root / "www/cgi-bin/over").write_text("#!/bin/sh\ntouch /tmp/over\necho; echo over\n")
    (root / "www/cgi-bin/over").chmod(0o755)
    (root / "serve").write_text(SERVE)


def test_interfaces(root):
    """A machine with nothing but the loop, here and there."""
    here = subprocess.run(["unshare", "--net", "sh", "-c", 'ip link set lo up && "$0"', PROGRAM], capture_output=True, check=False)
    there = subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60", "--cmd", "/bin/program"],
                           stdin=subprocess.DEVNULL, capture_output=True, check=False)
    equal((there.returncode, there.stdout), (here.returncode, here.stdout), "getifaddrs and if_nametoindex tell of the loop as on Linux")
    check(b"lo 127.0.0.1 255.0.0.0 0x49" in here.stdout and b"1 is lo, which is 1, which is lo" in here.stdout, "which is there", here)


def look(text):
    check(f"eth0 {GUEST} ffff:ffff:ffff:ffff:: 0x1043" in text and f"eth0 {serving.GUEST} 255.255.255.0 0x1043" in text,
          "getifaddrs tells of the card's addresses", text)
    check("2 is eth0, which is 2, which is eth0" in text and "has another" not in text and "has other" not in text,
          "and ioctl of the same", text)
    check(f"inet6 {GUEST}/64 scope global dynamic" in text, "a router's advertisement gives an address", text)
    check(f"inet6 {GUEST_LINK}/64 scope link" in text, "beside that of the link", text)
    check(f"{PREFIX}/64 dev eth0" in text and "default via fe80::" in text, "and ways", text)
    check("2 packets transmitted, 2 packets received" in text, "ping6 reaches this machine", text)
    check("1 packets transmitted, 1 packets received" in text, "and itself at an address of the link", text)
    check(hashlib.md5(BIG).hexdigest() in text, "wget reads a megabyte of it", text)
    check(f"{HERE} dev eth0 lladdr" in text, "which is a neighbour then", text)
    check("refused 1" in text, "and hears when nobody serves", text)
    check("2001:db8::1 via fe80::" in text, "what is elsewhere goes to the router", text)


def fetch(address, path):
    return serving.client("curl", "-s", "-g", "-m", "40", f"http://[{address}]{path}")


def test_from_here():
    status, page = fetch(GUEST, "/big")
    check(status == 0 and page == BIG, "curl reads a megabyte of busybox's httpd", (status, len(page)))
    status, page = fetch(f"{GUEST_LINK}%{serving.TAP}", "/big")
    check(status == 0 and page == BIG, "also by its address of the link", (status, len(page)))
    pages = serving.at_once(lambda _: fetch(GUEST, "/big"), 6)
    check(all(page == (0, BIG) for page in pages), "six at once")
    sent = BIG[:300000]
    with socket.create_connection((GUEST, 7), timeout=40) as s:
        sender = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR)))
        sender.start()
        got = serving.read_all(s)
        sender.join()
    check(got == sent, "300 kB go through cat and come back", len(got))
    ping = shutil.which("ping")
    words = [ping, "-6", "-c", "3", GUEST] if ping else [BUSYBOX, "ping6", "-c", "3", GUEST]
    status, said = serving.client(*words)
    check(status == 0 and b" 0% packet loss" in said, "ping finds it", said)
    large = [BUSYBOX, "ping6", "-c", "2", "-s", "4000", GUEST]
    status, said = serving.client(*large)
    check(status == 0 and b" 0% packet loss" in said, "with packets in fragments too", said)


def main():
    serving.begin("curl")
    with open(f"/proc/sys/net/ipv6/conf/{serving.TAP}/accept_ra", "w", encoding="ascii") as file:
        file.write("0")
    subprocess.run(["ip", "-6", "addr", "add", HERE + "/64", "dev", serving.TAP, "nodad"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        make_root(root)
        test_interfaces(root)
        serve_page()
        with serving.Guest(root, "/bin/sh /serve") as guest:
            check(guest.says(b"ready\n"), "the guest serves", guest.said)
            time.sleep(0.5)
            advertise()
            asked = guest.says(b"asked\n")
            look(guest.said.decode(errors="replace"))
            if asked:
                test_from_here()
                fetch(GUEST, "/cgi-bin/over")
            equal((guest.wait(), guest.said.endswith(b"all over\n")), (0, True), "and all of it ends")
    done()


if __name__ == "__main__":
    main()
