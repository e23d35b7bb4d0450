#!/usr/bin/env python3
"""Devices in a program's own hands, from outside: a UDP echo server on its own card answers this
machine, and so does a web server; what was written to a disk of one's own lies in its image; without an IOMMU the program
says in one line why it gets neither."""
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request

import mkarchive
import qemu
from pumping import pumping
from tap_print import check, done, equal

BLOCK, FIRST, COUNT, SIZE = 4096, 10, 8, 4 << 20
SIZES = (1, 2, 17, 18, 19, 100, 511, 1000, 1471, 1472)
IN_FLIGHT, ROUNDS, FETCHES = 16, 20, 4
BIG = bytes(range(256)) * 4096
WANT = b"".join(bytes([FIRST + i]) * BLOCK for i in range(COUNT))


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def exchange(sock, data):
    """Sends datagrams and returns those that came back, in the order of their first bytes."""
    for one in data:
        sock.send(one)
    back = []
    try:
        while len(back) < len(data):
            back.append(sock.recv(2048))
    except TimeoutError:
        pass
    return sorted(back)


def test_echo(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(20)
        for size in SIZES:
            data = bytes((size + i) % 251 for i in range(size))
            equal(exchange(sock, [data]), [data], f"{size} bytes come back as they are")
        good = 0
        for number in range(ROUNDS):
            data = [bytes([i, number]) * (1 + 40 * i) for i in range(IN_FLIGHT)]
            good += exchange(sock, data) == sorted(data)
        equal(good, ROUNDS, f"{IN_FLIGHT} at once come back, {ROUNDS} times")


def test_server(options, word, test):
    """Boots a server, waits for its `word`, and runs the test while the machine does."""
    with qemu.Machine(options) as machine:
        up = machine.wait_for(lambda: word in machine.out, 60)
        check(up, "the server has its card", bytes(machine.out + machine.err))
        with pumping(machine):
            test()
        equal((machine.panic, machine.guest_status), (None, None), "it serves on")


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read()


def test_http(port):
    equal(fetch(port, "/hello.txt"), b"hello\n", "a file of the image, over the card")
    results = []
    threads = [threading.Thread(target=lambda: results.append(fetch(port, "/big.bin") == BIG))
               for _ in range(FETCHES)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(results, [True] * FETCHES, f"{FETCHES} large ones at once arrive as they are")


def test_servers(folder):
    port = free_port(socket.SOCK_DGRAM)
    test_server(qemu.Options(append="run=udp_echo", iommu="1", net="user", net2="user",
                             fwd2=f"udp:{port}:7"),
                b"on a card of its own\n", lambda: test_echo(port))
    (folder / "root").mkdir()
    (folder / "root/hello.txt").write_bytes(b"hello\n")
    (folder / "root/big.bin").write_bytes(BIG)
    with open(folder / "image.cpio", "wb") as out:
        mkarchive.make(out, trees=[folder / "root"], archives=[qemu.SYSTEM])
    web = free_port(socket.SOCK_STREAM)
    test_server(qemu.Options(append="run=http 80 10.0.2.15 card", iommu="1", net="user",
                             net2="user", fwd2=f"{web}:80", initrd=str(folder / "image.cpio")),
                b"serving the boot image", lambda: test_http(web))


def boot(command, *options):
    return subprocess.run([sys.executable, "exo/tools/qemu.py", "--append", command, "--timeout",
                           "60", *options], capture_output=True, check=False)


def test_disk(folder):
    image = folder / "image"
    image.write_bytes(b"\0" * SIZE)
    end = boot("run=drive_life write", "--iommu", "1", "--disk", str(folder / "first"), "--disk2",
               str(image))
    equal((end.returncode, end.stdout), (0, b"durable: done\n"), "a guest writes to its own disk")
    data = image.read_bytes()
    check(data[FIRST * BLOCK:(FIRST + COUNT) * BLOCK] == WANT, "the image has it where it belongs")
    check(not any(data[:FIRST * BLOCK] + data[(FIRST + COUNT) * BLOCK:]), "and nothing else")
    end = boot("run=drive_life read", "--iommu", "1", "--disk", str(folder / "first"), "--disk2",
               str(image))
    equal((end.returncode, end.stdout), (0, b"0 bytes are wrong\n"), "the next guest reads it")
    end = boot("run=drive_life write", "--iommu", "1", "--disk", str(folder / "first"), "--disk2",
               f"ro:{image}")
    check(end.returncode == 1 and b"durable: the capability lacks" in end.stdout,
          "a disk that is read-only is not written", (end.returncode, end.stdout))
    check(image.read_bytes() == data, "not a byte of it")


def test_without(folder):
    end = boot("run=udp_echo", "--net", "user", "--net2", "user")
    equal((end.returncode, end.stdout, end.stderr),
          (1, b"", b"udp_echo: no IOMMU confines a card here, so none can be given away\n"),
          "without an IOMMU the server says why it has no card")
    end = boot("run=drive_life read", "--disk", str(folder / "first"), "--disk2",
               str(folder / "image"))
    check(end.returncode == 2 and b"no such device" in end.stderr,
          "nor is a disk given away", (end.returncode, end.stderr))


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-dedicated-") as name:
        folder = pathlib.Path(name)
        test_servers(folder)
        (folder / "first").write_bytes(b"\0" * SIZE)
        test_disk(folder)
        test_without(folder)
    done()


main()
