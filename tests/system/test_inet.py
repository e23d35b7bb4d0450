#!/usr/bin/env python3
"""Sockets of the Internet under `make exec`: busybox serves clients of this machine, and asks servers of it."""
import contextlib
import hashlib
import http.server
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import qemu
from tap_print import check, done, equal

BUSYBOX = "/bin/busybox"
BIG = bytes(range(256)) * 4096  # 1 MiB
CLIENTS = 8
# The servers end when the file /tmp/over is there, which a client makes by the shell behind telnetd.
SERVE = """ifconfig eth0; cat /etc/resolv.conf; cat /etc/hosts
wget -q -O - http://10.0.2.2:%d/big | md5sum
wget -q -O /dev/null http://10.0.2.2:%d/; echo refused $?
echo to ourselves | nc -l -p 9 > /tmp/got & sleep 1; echo there and | nc 127.0.0.1 9; wait; cat /tmp/got
syslogd -n -R 10.0.2.2:%d & sleep 1; logger -t inet a datagram;
netstat -tun; httpd -p 80 -h /www; nc -ll -p 7 -e cat & telnetd -p 23 -l /bin/sh
until netstat -tln | grep -q ':7 ' && netstat -tln | grep -q ':23 '; do sleep 0.1; done; netstat -tln; netstat -rn; ip addr show dev eth0; ip route; ifconfig
echo ready; while [ ! -e /tmp/over ]; do sleep 0.2; done; echo all over; kill $!
"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BIG)))
        self.end_headers()
        self.wfile.write(BIG)

    def log_message(self, *_):
        pass


def make_root(root):
    (root / "bin").mkdir()
    (root / "www").mkdir()
    (root / "tmp").mkdir()
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for name in ("sh", "ifconfig", "cat", "wget", "md5sum", "nc", "sleep", "httpd", "syslogd", "logger", "telnetd", "echo", "netstat", "ip", "grep"):
        (root / "bin" / name).symlink_to("busybox")
    (root / "www/index.html").write_text("hello from exo4\n")
    (root / "www/big").write_bytes(BIG)


def fetch(port, path):
    got = subprocess.run(["curl", "-s", "-m", "40", f"http://127.0.0.1:{port}{path}"], capture_output=True,
                         check=False)
    return got.stdout


def test_http(port):
    equal(fetch(port, "/index.html"), b"hello from exo4\n", "curl reads a page of httpd")
    check(fetch(port, "/big") == BIG, "and a megabyte")
    pages = []
    readers = [threading.Thread(target=lambda: pages.append(fetch(port, "/index.html"))) for _ in range(CLIENTS)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    equal(pages, [b"hello from exo4\n"] * CLIENTS, "and many at once, a process for each")


def test_echo(port):
    with socket.create_connection(("127.0.0.1", port), timeout=40) as s:
        sent = BIG[:200000]
        sender = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR)))
        sender.start()
        got = b"".join(iter(lambda: s.recv(65536), b""))
        sender.join()
        check(got == sent, "200 kB go through cat behind nc and come back", len(got))


def test_telnet(port):
    with socket.create_connection(("127.0.0.1", port), timeout=40) as s:
        s.sendall(b"echo $((6 * 7))\n")
        said = b""
        with contextlib.suppress(OSError):
            while b"42" not in said and (piece := s.recv(4096)):
                said += piece
            s.sendall(b"echo > /tmp/over\n")
            while s.recv(4096):  # until the guest ends, for a shell whose terminal goes is ended
                pass
        check(b"42" in said, "a shell on a pseudo-terminal behind telnetd answers", said)


def test_program(root):
    """The same program, on this machine by its kernel and there by the library OS."""
    program = pathlib.Path("build/x86_64/user/inet_program.elf")
    shutil.copy(program, root / "bin/program")
    (root / "etc").mkdir()
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    there = subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60", "--smp", "2",
                            "--cmd", "/bin/program"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    here = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    equal((there.returncode, there.stdout.decode().splitlines(), there.stderr),
          (here.returncode, here.stdout.decode().splitlines(), b""), "a program's sockets behave as on Linux")
    check(here.stdout.count(b"\n") > 45, "in more than 45 results", here.stdout)
    (root / "etc/hosts").unlink()


def main():
    os.environ["PATH"] += ":/usr/sbin"
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        make_root(root)
        test_program(root)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        log = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        log.bind(("127.0.0.1", 0))
        log.settimeout(40)
        web, echo, telnet, closed = (qemu.free_port() for _ in range(4))
        (root / "serve").write_text(SERVE % (server.server_port, closed, log.getsockname()[1]))
        forward = f"{web}:80,{echo}:7,{telnet}:23"
        guest = subprocess.Popen([sys.executable, "exo/tools/exec.py", "--root", folder, "--system", qemu.SYSTEM,
                                  "--timeout", "90", "--smp", "2", "--net", "user", "--fwd", forward, "--cmd", "/bin/sh /serve"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = []
        for line in guest.stdout:
            said.append(line.decode(errors="replace"))
            if line == b"ready\n":
                break
        text = "".join(said)
        check("inet addr:10.0.2.15" in text and "Mask:255.255.255.0" in text, "the address is DHCP's", text)
        check("nameserver 10.0.2.3" in text and "localhost" in text, "and so is the name server", text)
        check(hashlib.md5(BIG).hexdigest() in text, "wget reads a megabyte of this machine", text)
        check("refused 1" in text, "and hears when nobody serves", text)
        waits = r"tcp .* (127.0.0.1:\d+ +127.0.0.1:9|127.0.0.1:9 +127.0.0.1:\d+) +TIME_WAIT"  # of either side: who ends first waits
        check(re.search(waits, text), "netstat shows what was", text)
        check(all(re.search(rf"tcp .* (0.0.0.0|::):{port} +(0.0.0.0|::):\* +LISTEN", text) for port in (7, 23, 80)),
              "and who listens", text)
        check(re.search(r"^0.0.0.0 +10.0.2.2 +0.0.0.0 +UG ", text, re.M) and "default via 10.0.2.2 dev eth0" in text,
              "it and ip show the same ways", text)
        check("inet 10.0.2.15/24 brd 10.0.2.255 scope global eth0" in text, "ip shows the address", text)
        counts = re.findall(r"RX bytes:(\d+) .*TX bytes:(\d+)", text)
        check(any(int(rx) > len(BIG) for rx, _ in counts), "ifconfig counts what came by the card", counts)
        check("there and" in text and "to ourselves" in text, "two processes talk within the guest", text)
        check(b"a datagram" in log.recv(1000), "a datagram of syslogd comes here")
        if "ready\n" in text:
            time.sleep(0.5)
            test_http(web)
            test_echo(echo)
            test_telnet(telnet)
        rest = guest.communicate()[0]
        equal((rest, guest.returncode), (b"all over\n", 0), "and all of it ends")
    done()


if __name__ == "__main__":
    main()
