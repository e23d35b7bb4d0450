"""A guest with servers side by side on one card, and with others that have cards of their own, on taps of a namespace; and
clients that ask each of them all the time, and look at the answers."""
import contextlib
import pathlib
import random
import socket
import struct
import tempfile
import threading
import time

import attacker
import beside_linux
import mkarchive
import packets
import qemu
import serving
from http_bytes import get

HERE = attacker.HERE
SHARED, OWN = "exo4", ("exo4a", "exo4b", "exo4c", "exo4d")
PAGE_BYTES = (1300, 20000)
ANSWER_PATIENCE = 8.0      # seconds until a client gives up, and asks again
KV_GET, KV_SET = 0, 1
POSIX_COMMAND = "/bin/busybox httpd -p 80 -h /www; exec /bin/busybox nc -ll -p 7 -e /bin/busybox cat"

# name, program with its arguments, address, port, kind; one that ends in `card` has a card of its own
SERVERS = (
    ("http", "http 80 10.0.2.15", "10.0.2.15", 80, "http"),
    ("direct", "http_direct 80 10.0.2.16", "10.0.2.16", 80, "http"),
    ("kv", "kv_server 11211 10.0.2.17", "10.0.2.17", 11211, "kv"),
    ("kv graft", "kv_server 11212 10.0.2.17 graft", "10.0.2.17", 11212, "kv"),
    ("posix httpd", f"posix net=10.0.2.18/24,{HERE},{HERE}", "10.0.2.18", 80, "http"),
    ("posix echo", "", "10.0.2.18", 7, "tcp echo"),
    ("http card", "http 80 10.0.2.20 card", "10.0.2.20", 80, "http"),
    ("direct card", "http_direct 80 10.0.2.21 card", "10.0.2.21", 80, "http"),
    ("kv card", "kv_server 11211 10.0.2.22 card", "10.0.2.22", 11211, "kv"),
    ("echo card", "udp_echo 10.0.2.23", "10.0.2.23", 7, "udp echo"),
)
NETWORK = ("link set lo up", *(f"tuntap add {tap} mode tap" for tap in (SHARED, *OWN)), f"addr add {HERE}/24 dev {SHARED}",
           *(f"link set {tap} up" for tap in (SHARED, *OWN)))


def has_own_card(program):
    return program.endswith(" card") or program.startswith("udp_echo")


def make_image(folder, programs):
    """The boot archive with pages to fetch and the list of programs; returns its path and the pages."""
    root = folder / "root"
    beside_linux.make_root(root)
    (root / "www").mkdir()
    pages = {f"/www/{size}": random.Random(size).randbytes(size) for size in PAGE_BYTES}
    for name, data in pages.items():
        (root / name[1:]).write_bytes(data)
    words = " ; ".join(filter(None, programs)).split()
    blobs = [(b".exo4/neighbours", b"".join(w.encode() + b"\0" for w in words)),
             (b".exo4/argv", b"/bin/sh\0-c\0" + POSIX_COMMAND.encode() + b"\0"), (b".exo4/environ", b"PATH=/bin\0HOME=/\0")]
    with open(folder / "image.cpio", "wb") as out:
        mkarchive.make(out, trees=[root], archives=[qemu.SYSTEM], blobs=blobs)
    return str(folder / "image.cpio"), pages


# Asking a server once. Wrong: what it answered is not right; OSError: it did not answer, or not in time. -------


class Wrong(Exception):
    """An answer that is not right; the text says how."""


def expect(good, got):
    if not good:
        raise Wrong(f"{len(got)} bytes: {got[:60]!r} ... {got[-20:]!r}")


def ask_http(server, pages, chance):
    path, page = chance.choice(list(pages.items()))
    if "httpd" in server.name:  # its root is that folder
        path = path.removeprefix("/www")
    with socket.create_connection((server.address, server.port), timeout=ANSWER_PATIENCE) as s:
        s.sendall(get(path, close=True))
        got = b""
        while data := s.recv(1 << 16):
            got += data
    if not got:  # a server that has no memory for a process ends the connection
        raise ConnectionAbortedError
    head, _, body = got.partition(b"\r\n\r\n")
    expect(head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")) and body == page, got)


def ask_tcp_echo(server, _, chance):
    said = chance.randbytes(chance.choice((1, 100, 5000)))
    with socket.create_connection((server.address, server.port), timeout=ANSWER_PATIENCE) as s:
        s.sendall(said)
        s.shutdown(socket.SHUT_WR)
        got = b""
        while data := s.recv(1 << 16):
            got += data
    if not got:
        raise ConnectionAbortedError
    expect(got == said, got)


def ask_by_datagram(server, data, is_answer):
    """The answer to a datagram: what `is_answer` says of, for older ones may come, too. Asks again when it is late."""
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.connect((server.address, server.port))
        until = time.monotonic() + ANSWER_PATIENCE
        while time.monotonic() < until:
            s.send(data)
            s.settimeout(1)
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                while not is_answer(got := s.recv(2048)):
                    pass
                return got
    raise TimeoutError(f"{server.name}: no datagram in {ANSWER_PATIENCE:g} s")


def ask_udp_echo(server, _, chance):
    said = chance.randbytes(chance.randint(16, 1400))
    got = ask_by_datagram(server, said, lambda got: got[:16] == said[:16])
    expect(got == said, got)


def ask_kv(server, _, chance):
    """Keys have one value each, that their name tells: a request that is repeated changes nothing."""
    key = b"client %d" % chance.randrange(40)
    value, number = key * 20, chance.randrange(1 << 16)

    def ask(*args):
        return ask_by_datagram(server, packets.key_value(*args, ident=number), lambda got: got[:2] == struct.pack(">H", number))
    if chance.random() < .2:
        got = ask(KV_SET, key, value, bytes(8))
        expect(got[14:16] == b"\0\0", got)
    number = number + 1 & 0xFFFF
    got = ask(KV_GET, key)
    expect(got[14:16] == b"\0\1" or (got[14:16] == b"\0\0" and got[36:] == value), got)


ASK = {"http": ask_http, "tcp echo": ask_tcp_echo, "udp echo": ask_udp_echo, "kv": ask_kv}


class Client(threading.Thread):
    """Asks one server, one question after the other, until it is told to stop."""

    def __init__(self, ask, server, pages, seed):
        super().__init__(daemon=True)
        self.ask, self.server, self.pages, self.chance = ask, server, pages, random.Random(seed)
        self.right = self.late = 0
        self.wrong = []  # what was, in words
        self.over = threading.Event()

    def once(self):
        try:
            self.ask(self.server, self.pages, self.chance)
            self.right += 1
        except Wrong as problem:
            self.wrong.append(str(problem))
        except OSError:
            self.late += 1

    def run(self):
        while not self.over.is_set():
            self.once()
            time.sleep(0.05)

    def stop(self):
        self.over.set()
        self.join()
        return self.right, self.wrong, self.late


class World:
    """The machine, and who is in it. `attackers`: by tap; `servers`, (kind, tap, Server) of those that came up."""

    def __init__(self, folder, chance, names=(), **options):
        self.chosen = [row for row in SERVERS if not names or row[0] in names or (row[0] == "posix httpd" and "posix echo" in names)]
        own = [row for row in self.chosen if has_own_card(row[1])]
        self.image, self.pages = make_image(folder, [row[1] for row in self.chosen])
        further = [word for n, tap in enumerate(OWN[1:len(own)], 3) for word in qemu.net_arguments(f"tap:{tap}", "", n, f"NET{n}")]
        self.monitor, theirs = socket.socketpair()
        further += ["-chardev", f"socket,id=monitor,fd={theirs.fileno()}", "-mon", "chardev=monitor,mode=readline"]
        self.cables = ["net0", *(f"net{2 + n}" for n in range(len(own)))]
        self.options = qemu.Options(append="run=neighbours", initrd=self.image, net=f"tap:{SHARED}", further=tuple(further),
                                    pass_fds=(theirs.fileno(),), **({"iommu": "1", "net2": f"tap:{OWN[0]}"} if own else {}),
                                    **options)
        self.theirs = theirs  # open until QEMU has it
        self.attackers = {tap: attacker.Attacker(tap, chance) for tap in (SHARED, *OWN[:len(own)])}
        self.servers, self.absent, self.routes = [], [], {}
        self.is_over = lambda: False  # has the machine ended, so that nobody is asked any more?

    def find(self, row, patience):
        """On which tap that one answers, by then."""
        name, _, address, port, kind = row
        until = time.monotonic() + patience
        while time.monotonic() < until and not self.is_over():
            for tap, who in self.attackers.items():
                mac = who.mac_of(address, 0.2)
                if mac:
                    self.routes[address] = tap
                    is_tcp = kind in ("http", "tcp echo")
                    request = {"http": get("/www/1300"), "kv": packets.key_value(KV_GET, b"attacker")}.get(kind, b"something")
                    return tap, attacker.Server(name, address, mac, port, is_tcp, request)
        return None

    def find_all(self, patience):
        for row in self.chosen:
            found = self.find(row, patience)
            if found:
                self.servers.append((row[4], *found))
            else:
                self.absent.append(row[0])
        self.make_routes()

    def make_routes(self):
        """To those on other taps than the first. They go with the link."""
        for address, tap in self.routes.items():
            if tap != SHARED:
                serving.client("ip", "route", "replace", f"{address}/32", "dev", tap, "src", HERE)

    def set_cables(self, state):
        """All cables are pulled out of the cards ("off"), which are told so, or put back ("on")."""
        for cable in self.cables:
            self.monitor.sendall(f"set_link {cable} {state}\n".encode())

    def announced(self, patience):
        """Who says by himself what address he has, in that time."""
        found, until = set(), time.monotonic() + patience
        while time.monotonic() < until:
            for who in self.attackers.values():
                frame = who.hear(lambda f: f[12:14] == b"\x08\x06" and f[28:32] == f[38:42], 0.1)
                if frame:
                    found.add(".".join(map(str, frame[28:32])))
        return found

    def clients(self, seed):
        return [Client(ASK[kind], server, self.pages, seed + n) for n, (kind, _, server) in enumerate(self.servers)]

    def answers(self, seed, patience):
        """Those who do not answer rightly within `patience` seconds, with what they did instead."""
        silent = []
        for client in self.clients(seed):
            until = time.monotonic() + patience
            while not client.right and not client.wrong and time.monotonic() < until and not self.is_over():
                client.once()
            if client.wrong or not client.right:
                silent.append((client.server.name, client.right, client.wrong, client.late))
        return silent


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="exo4-attack-") as name:
        yield pathlib.Path(name)
