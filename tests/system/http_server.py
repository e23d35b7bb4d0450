#!/usr/bin/env python3
"""The web server from outside: the same bytes that are in the boot image, errors with their
status, many requests on one connection, and clients that stall without harm to others."""
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import mkarchive
import qemu
from http_bytes import get, read_all
from tap_print import check, done, equal

HELLO = b"hello from the boot image\n"
PATIENCE = 30  # seconds
PAUSE = 0.03   # seconds between connections: QEMU's listening socket has room for one


class Server:
    """A machine that serves the folder `root`, pumped by a thread of its own."""

    def __init__(self, work, root):
        image = work / "image.cpio"
        with open(image, "wb") as out:
            mkarchive.make(out, trees=[root], archives=[qemu.SYSTEM])
        self.port = qemu.free_port()
        self.machine = qemu.Machine(qemu.Options(append="run=http", initrd=str(image), net="user",
                                                 fwd=f"{self.port}:80"))
        self.over = threading.Event()

    def __enter__(self):
        up = self.machine.wait_for(lambda: b"port 80" in self.machine.out, PATIENCE)
        check(up, "the server comes up", bytes(self.machine.out))
        self.thread = threading.Thread(target=self._pump)
        self.thread.start()
        return self

    def _pump(self):
        while not self.over.is_set() and self.machine.pump():
            pass

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.machine.__exit__()

    def connect(self, small=False):
        s = socket.socket()
        if small:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        time.sleep(PAUSE)
        s.settimeout(PATIENCE)
        s.connect(("127.0.0.1", self.port))
        return s

    def exchange(self, request):
        """Sends bytes, returns all that comes until the server closes."""
        with self.connect() as s:
            s.sendall(request)
            return read_all(s)

    def get(self, path):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        c.request("GET", path)
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, body, r


def make_root(work):
    root = work / "root"
    (root / "dir/sub").mkdir(parents=True)
    (root / "hello.txt").write_bytes(HELLO)
    (root / "big.bin").write_bytes(os.urandom(10_000_000))
    (root / "dir/a b%c&.txt").write_bytes(b"odd name")
    (root / "dir/up").symlink_to("../hello.txt")
    (root / "dir/out").symlink_to("../../../../etc/passwd")
    (root / "secret").symlink_to("/.exo4/root.elf")
    (root / "empty").write_bytes(b"")
    return root


def test_files(server, root):
    big = (root / "big.bin").read_bytes()
    curl = subprocess.run(["curl", "-s", "-m", "30", f"http://localhost:{server.port}/big.bin"],
                          capture_output=True, check=False) if shutil.which("curl") else None
    got = curl.stdout if curl else server.get("/big.bin")[1]
    check(got == big, "a file of 10 MB arrives as it is", len(got))
    for path, want in (("/hello.txt", HELLO), ("/dir/a%20b%25c%26.txt", b"odd name"),
                       ("/dir/up", HELLO), ("/dir/../hello.txt?x=y", HELLO), ("/empty", b"")):
        equal(server.get(path)[:2], (200, want), f"{path} is found")
    equal(server.get("/hello.txt")[2].headers["Content-Type"], "text/plain; charset=utf-8",
          "a text file is called one")
    for path in ("/nothing", "/dir/out", "/secret", "/.exo4/root.elf", "/.exo4/", "/hello.txt/"):
        equal(server.get(path)[0], 404, f"{path} is not found")
    status, _, r = server.get("/dir")
    equal((status, r.headers["Location"]), (301, "/dir/"), "a directory without / is elsewhere")
    listing = server.get("/dir/")[1]
    check(b'href="./a%20b%25c%26.txt">a b%c&amp;.txt<' in listing and b"sub/" in listing,
          "a directory is listed", listing)
    index = server.get("/")[1]
    check(b" http</td>" in index and b"packet rings" in index and b"big.bin" in index,
          "the front page shows the system and the files", index)


def test_errors(server):
    for request, status in (
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50000, 405),
            (b"GET / HTTP/2.0\r\n\r\n", 505), (b"GET /" + b"a" * 9000, 414),
            (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000, 431), (b"rubbish\r\n\r\n", 400),
            (b"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n\r\n", 400), (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
            (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413)):
        answer = server.exchange(request)
        check(answer.startswith(f"HTTP/1.1 {status} ".encode()) and b"Connection: close" in answer,
              f"{request[:24]!r}... is answered by {status}, and the connection ends", answer[:200])


def test_connections(server):
    many = server.exchange(get("/hello.txt") * 100 + get("/hello.txt", close=True))
    equal((many.count(b"200 OK"), many.count(HELLO)), (101, 101),
          "101 requests at once are all answered on one connection")
    head = server.exchange(get("/big.bin", close=True).replace(b"GET", b"HEAD"))
    check(b"Content-Length: 10000000\r\n" in head and head.endswith(b"\r\n\r\n"),
          "HEAD tells the length and sends no body", head[-200:])
    with server.connect() as s:
        for byte in get("/hello.txt", close=True):
            s.send(bytes([byte]))
        check(read_all(s).endswith(HELLO), "a request may arrive byte by byte")
    with server.connect() as s:
        s.sendall(get("/hello.txt", close=True))
        s.shutdown(socket.SHUT_WR)
        check(read_all(s).endswith(HELLO), "a client that sends no more is still answered")


def test_stalled(server, root):
    big = (root / "big.bin").read_bytes()
    stalled = [server.connect(small=True) for _ in range(40)]
    for s in stalled:
        s.sendall(get("/big.bin", close=True))
    idle = [server.connect() for _ in range(60)]
    time.sleep(PAUSE)
    check(server.get("/big.bin")[1] == big, "40 stalled and 60 idle clients do not stop another")
    for s in stalled + idle:
        s.close()
    results = []
    threads = [threading.Thread(target=lambda: results.append(server.get("/big.bin")[1] == big))
               for _ in range(5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(results, [True] * 5, "5 clients at once each get the file")


def main():
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        root = make_root(work)
        with Server(work, root) as server:
            test_files(server, root)
            test_errors(server)
            test_connections(server)
            test_stalled(server, root)
            equal(server.machine.panic, None, "the kernel is well")
    done()


main()
