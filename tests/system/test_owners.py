#!/usr/bin/env python3
"""Several owners of one network card: three web servers, each with a ring and a TCP/IP of its own,
on two ports of one address and on a second address, all reached at once."""
import pathlib
import shutil
import subprocess
import tempfile
import threading
import urllib.request

import mkarchive
import qemu
from pumping import pumping
from tap_print import check, done, equal

WAYS = ("10.0.2.15:80", "10.0.2.15:8080", "10.0.2.16:80")
PATIENCE = 40  # seconds
ROUNDS = 5
BIG = bytes(range(256)) * 4096


def fetch(port, path):
    url = f"http://127.0.0.1:{port}{path}"
    if shutil.which("curl"):
        return subprocess.run(["curl", "-s", "-m", "30", url], capture_output=True,
                              check=False).stdout
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def fetch_many(port, results):
    results.append(sum(fetch(port, "/big.bin") == BIG for _ in range(ROUNDS)))


def test_all(ports):
    for way, port in zip(WAYS, ports):
        equal(fetch(port, "/hello.txt"), b"hello\n", f"the server on {way} answers")
    results = [[] for _ in ports]
    threads = [threading.Thread(target=fetch_many, args=pair) for pair in zip(ports, results)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for way, result in zip(WAYS, results):
        equal(result, [ROUNDS], f"while all are busy, what {way} sends arrives as it is")


def main():
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        (work / "root").mkdir()
        (work / "root/hello.txt").write_bytes(b"hello\n")
        (work / "root/big.bin").write_bytes(BIG)
        with open(work / "image.cpio", "wb") as out:
            mkarchive.make(out, trees=[work / "root"], archives=[qemu.SYSTEM])
        ports = []
        while len(ports) < len(WAYS):
            port = qemu.free_port()
            if port not in ports:
                ports.append(port)
        fwd = ",".join(f"{port}:{way}" for port, way in zip(ports, WAYS))
        options = qemu.Options(append="run=owners", initrd=str(work / "image.cpio"), net="user",
                               fwd=fwd)
        with qemu.Machine(options) as machine:
            up = machine.wait_for(lambda: machine.out.count(b"serving the boot image") == 3,
                                  PATIENCE)
            check(up, "three servers come up", bytes(machine.out))
            with pumping(machine):
                test_all(ports)
            equal(machine.panic, None, "the kernel is well")
    done()


main()
