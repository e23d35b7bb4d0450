#!/usr/bin/env python3
"""The web server that goes round the stack, from outside, on a ring of the kernel's card and on a card of its own:
documents of 0 B to 3 MB, one after the other and many at once, requests that come in pieces or all together, clients
that stall or break off."""
import http.client
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import mkarchive
import qemu
from http_bytes import get, read_all
from pumping import pumping
from tap_print import check, done, equal

SIZES = (0, 1, 1024, 1300, 1460, 10240, 102400, 1 << 20, 3 << 20)
MANY, ROUNDS = 16, 25
PATIENCE = 30
PAUSE = 0.03  # seconds between connections: QEMU's listening socket has room for one


def connect(port, small=False):
    s = socket.socket()
    if small:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    time.sleep(PAUSE)
    s.settimeout(PATIENCE)
    s.connect(("127.0.0.1", port))
    return s


def test_documents(port, files, way):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for size, data in files.items():
        c.request("GET", f"/{size}")
        answer = c.getresponse()
        body = answer.read()
        check((answer.status, len(body)) == (200, size) and body == data,
              f"{way}: {size} bytes arrive as they are", (answer.status, len(body)))
    c.request("GET", "/folder")
    answer = c.getresponse()
    answer.read()
    equal((answer.status, answer.headers["Location"]), (301, "/folder/"), f"{way}: a folder is elsewhere")
    c.request("GET", "/folder/")
    equal(c.getresponse().read(), b"index", f"{way}: and has an index")
    c.close()
    if shutil.which("curl"):
        url = f"http://127.0.0.1:{port}/1024"
        end = subprocess.run(["curl", "-s", "-m", "30", *[url] * 20], capture_output=True, check=False)
        check(end.stdout == files[1024] * 20, f"{way}: curl gets one document 20 times", len(end.stdout))


def test_requests(port, files, way):
    with connect(port) as s:
        s.sendall(get("/1024") * 100 + get("/1024", close=True))
        got = read_all(s)
    equal((got.count(b"200 OK"), got.count(files[1024])), (101, 101), f"{way}: 101 requests at once are answered")
    with connect(port) as s:
        for byte in get("/1300", close=True):
            s.send(bytes([byte]))
        check(read_all(s).endswith(files[1300]), f"{way}: a request may arrive byte by byte")
    with connect(port) as s:
        s.sendall(get("/102400"))
        s.shutdown(socket.SHUT_WR)
        check(read_all(s).endswith(files[102400]), f"{way}: who sends no more is still answered")
    for request, status in ((b"rubbish\r\n\r\n", 400), (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
                            (b"GET /" + b"a" * 9000, 414), (get("/nothing", close=True), 404)):
        with connect(port) as s:
            s.sendall(request)
            got = read_all(s)
        check(got.startswith(f"HTTP/1.1 {status} ".encode()), f"{way}: {request[:16]!r} is answered by {status}", got)


def load(port, want, results):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    good = 0
    for _ in range(ROUNDS):
        c.request("GET", f"/{len(want)}")
        good += c.getresponse().read() == want
    results.append(good)


def test_many(port, files, way):
    big, stalled, broken = files[1 << 20], [], []
    for _ in range(8):
        stalled.append(connect(port, small=True))
        stalled[-1].sendall(get(f"/{3 << 20}"))
        broken.append(connect(port))
        broken[-1].sendall(get("/102400"))
    for s in broken:  # a reset, in the middle of it
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    results, threads = [], []
    for i in range(MANY):
        want = files[102400] if i % 4 == 0 else files[1024]
        threads.append(threading.Thread(target=load, args=(port, want, results)))
        time.sleep(PAUSE)
        threads[-1].start()
    for t in threads:
        t.join()
    equal(results, [ROUNDS] * MANY, f"{way}: {MANY} clients at once, beside others that stall and break off")
    with connect(port) as s:
        s.sendall(get(f"/{1 << 20}", close=True))
        check(read_all(s).endswith(big), f"{way}: and a large one after them")
    for s in stalled:
        s.close()


def test_way(image, files, way, words, **options):
    port = qemu.free_port()
    forward = {name: value.format(port=port) for name, value in options.items()}
    with qemu.Machine(qemu.Options(append=f"run=http_direct {words}", initrd=image, **forward)) as machine:
        up = machine.wait_for(lambda: b"serving the boot image" in machine.out, 60)
        check(up, f"{way}: the server comes up", bytes(machine.out + machine.err))
        with pumping(machine):
            test_documents(port, files, way)
            test_requests(port, files, way)
            test_many(port, files, way)
        equal((machine.panic, machine.guest_status), (None, None), f"{way}: it serves on")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-direct-") as name:
        work = pathlib.Path(name)
        root = work / "root"
        (root / "folder").mkdir(parents=True)
        (root / "folder/index.html").write_bytes(b"index")
        files = {size: os.urandom(size) for size in SIZES}
        for size, data in files.items():
            (root / str(size)).write_bytes(data)
        with open(work / "image.cpio", "wb") as out:
            mkarchive.make(out, trees=[root], archives=[qemu.SYSTEM])
        image = str(work / "image.cpio")
        test_way(image, files, "ring", "80", net="user", fwd="{port}:80")
        test_way(image, files, "card", "80 10.0.2.15 card", iommu="1", net="user", net2="user", fwd2="{port}:80")
    done()


main()
