#!/usr/bin/env python3
"""Names and name servers: what musl's and glibc's resolvers get on exo4 is what they get on Linux, from a server of the
test's own, which answers, refuses, is late, is silent, or has more to say than one datagram holds."""
import pathlib
import shutil
import socket
import socketserver
import struct
import tempfile
import threading

import beside_linux
import serving
from tap_print import check, done, equal

PROGRAM = pathlib.Path("build/x86_64/user/names_program.elf")
GETENT = "/usr/bin/getent"
A, CNAME, PTR, AAAA = 1, 5, 12, 28
MANY = 60
ADDRESSES = {"here.test": ["10.0.4.1"], "late.test": ["10.9.8.7"], "many.test": [f"10.7.0.{n + 1}" for n in range(MANY)]}
SIX = {"here.test": ["fd00::1"], "six.test": ["fd00::6"]}
KNOWN = {*ADDRESSES, *SIX, "alias.test", "empty.test", "silent.test"}
# What getent is asked: glibc asks again by TCP when an answer was cut.
ASK = "for n in here.test alias.test none.test late.test many.test silent.test; do " \
      f"echo $n; {GETENT} ahostsv4 $n | grep STREAM | sort; done; {GETENT} hosts 10.0.4.1; {GETENT} ahostsv6 six.test | grep STREAM"


def wire_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def record(name, kind, data):
    return wire_name(name) + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def records_of(name, kind):
    if name == "alias.test":
        return [record(name, CNAME, wire_name("here.test")), *records_of("here.test", kind)]
    if kind == A:
        return [record(name, A, socket.inet_aton(a)) for a in ADDRESSES.get(name, ())]
    if kind == AAAA:
        return [record(name, AAAA, socket.inet_pton(socket.AF_INET6, a)) for a in SIX.get(name, ())]
    if kind == PTR and name == "1.4.0.10.in-addr.arpa":
        return [record(name, PTR, wire_name("here.test"))]
    return []


class Names:
    """How often what was asked, by which way, is in `asked`."""

    def __init__(self):
        self.asked = {}
        self.seen = set()

    def answer(self, query, way, limit):
        """None: it says nothing."""
        at, parts = 12, []
        while query[at]:
            parts.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, kind = ".".join(parts).lower(), struct.unpack_from(">H", query, at + 1)[0]
        self.asked[name, way] = self.asked.get((name, way), 0) + 1
        if name == "silent.test" or (name == "late.test" and (query[:2], kind) not in self.seen):
            self.seen.add((query[:2], kind))
            return None
        found = records_of(name, kind)
        missing = not found and name not in KNOWN
        whole = b"".join(found)
        cut = len(query) + len(whole) > limit
        head = struct.pack(">HHHHHH", *struct.unpack_from(">H", query), 0x8180 | (0x200 if cut else 0) | (3 if missing else 0),
                           1, 0 if cut else len(found), 0, 0)
        return head + query[12:at + 5] + (b"" if cut else whole)

    def begin(self):
        names = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self):
                query, s = self.request
                if said := names.answer(query, "udp", 512):
                    s.sendto(said, self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(self):
                while head := self.rfile.read(2):
                    said = names.answer(self.rfile.read(*struct.unpack(">H", head)), "tcp", 65535)
                    if said:
                        self.wfile.write(struct.pack(">H", len(said)) + said)

        for server in (socketserver.ThreadingUDPServer((serving.HERE, 53), Datagram),
                       socketserver.ThreadingTCPServer((serving.HERE, 53), Stream)):
            threading.Thread(target=server.serve_forever, daemon=True).start()


def same(root, names, cmd, what):
    """The output as on Linux, where the same server was asked."""
    names.seen.clear()
    here = beside_linux.on_linux(root, cmd)
    names.seen.clear()
    names.asked.clear()
    with serving.Guest(root, cmd) as guest:
        status = guest.wait()
        equal((status, guest.said.decode().splitlines()), (here.returncode, (here.stdout + here.stderr).decode().splitlines()), what)
        return guest.said.decode()


def main():
    serving.begin("getent")
    with tempfile.TemporaryDirectory(prefix="exo4-names-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root)
        shutil.copy(PROGRAM, root / "bin/names")
        serving.add_libraries(root, GETENT)
        (root / "etc").mkdir()
        (root / "etc/resolv.conf").write_text(f"search nowhere.test test\nnameserver {serving.HERE}\noptions timeout:1 attempts:2\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
        (root / "ask").write_text(ASK)
        names = Names()
        names.begin()
        said = same(root, names, "/bin/names", "musl's resolver gets what it gets on Linux")
        check("here.test 0: 10.0.4.1 port 80, fd00::1 port 80, 2" in said, "both versions of an address", said)
        check("here 4: 10.0.4.1 port 80, 1" in said, "a name of the search list's second domain", said)
        check("10.0.4.1: here.test" in said, "the name of an address", said)
        check("none.test 0: Name does not resolve" in said and "silent.test 0: Try again" in said, "no such name, and no answer", said)
        check("late.test 0: 10.9.8.7 port 80, 1" in said, "one that is answered when it is asked again", said)
        said = same(root, names, "/bin/sh /ask", "glibc's resolver gets what it gets on Linux")
        equal(said.count("10.7.0."), MANY, "all addresses of an answer that no datagram holds")
        check(names.asked.get(("many.test", "tcp")), "by TCP, from exo4 too", names.asked)
    done()


main()
