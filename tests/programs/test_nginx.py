#!/usr/bin/env python3
"""nginx on exo4: a master and three workers that share a listening socket, and clients of this machine: curl, wrk, ab,
and some that stop reading, or go, in the middle. One link is pulled for a moment."""
import os
import pathlib
import re
import tempfile
import time

import beside_linux
import serving
from tap_print import check, done, equal

CONFIG = """worker_processes 3; error_log /tmp/error warn; pid /tmp/nginx.pid;
events { worker_connections 512; }
http {
    access_log off; log_not_found off; sendfile on; keepalive_requests 100000; client_max_body_size 20m;
    add_header X-Worker $pid;
    server {
        listen 80; root /www;
        location /put/ { dav_methods PUT DELETE; create_full_put_path on; root /tmp; }
    }
}
"""
# A client that puts /put/reload or /put/over has that done.
SERVE = """nginx; echo ready
while [ ! -e /tmp/put/over ]; do
    if [ -e /tmp/put/reload ]; then rm /tmp/put/reload; nginx -s reload; echo reloaded; fi
    sleep 0.2
done
nginx -s quit; while [ -e /tmp/nginx.pid ]; do sleep 0.1; done; echo "all over"; cat /tmp/error
"""
URL = f"http://{serving.GUEST}"
REQUEST = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
CLIENTS = 100


def make_root(root):
    beside_linux.make_root(root, "nginx")
    for name in ("etc", "www", "nginx/conf", "nginx/logs"):
        (root / name).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "nginx/conf/nginx.conf").write_text(CONFIG)
    (root / "serve").write_text(SERVE)
    (root / "www/small").write_bytes(os.urandom(1000))
    (root / "www/big").write_bytes(os.urandom(10_000_000))


def curl(path, *options, patience=serving.PATIENCE):
    return serving.client("curl", "-sS", *options, URL + path, patience=patience)


def bodies(small, big):
    equal(curl("/small"), (0, small), "curl reads a page")
    check(curl("/big") == (0, big), "and ten megabytes, unchanged")
    check(curl("/big", "-r", "5000000-5000999") == (0, big[5000000:5001000]), "and a part of it")
    equal(curl("/none", "-o", "/dev/null", "-w", "%{http_code}")[1], b"404", "what is not there is said so")
    equal(curl("/put/a/big", "-o", "/dev/null", "-w", "%{http_code}", "-T", "-", "-H", "Expect:")[1], b"201",
          "an upload without bytes comes about")
    check(serving.client("curl", "-sS", "-T", "-", URL + "/put/b/big", data=big)[0] == 0 and curl("/put/b/big") == (0, big),
          "what was uploaded, ten megabytes in chunks, is read back")


def by_hand(small):
    with serving.connect(80) as s:
        s.sendall(3 * REQUEST)
        got = b""
        while got.count(small) < 3 and (piece := s.recv(65536)):
            got += piece
        equal(got.count(small), 3, "three requests in one packet are answered in one connection")
    with serving.connect(80) as s:
        s.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        s.shutdown(1)
        check(serving.read_all(s).endswith(small), "a client that has said all that it has to say is answered")


def many(small, big):
    def one(_):
        with serving.connect(80) as s:
            s.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            return serving.read_all(s)

    answers = serving.at_once(one, CLIENTS)
    equal([a for a in answers if not isinstance(a, bytes) or not a.endswith(small)], [], f"{CLIENTS} clients at once are all answered")
    workers = {re.search(rb"X-Worker: (\d+)", a)[1] for a in answers if isinstance(a, bytes)}
    check(len(workers) > 1, "by more than one worker", workers)
    got = serving.at_once(lambda _: serving.digest(curl("/big")[1]), 5)
    equal(set(got), {serving.digest(big)}, "five clients get ten megabytes each at once")


def loads():
    good, said = serving.ab(URL + "/small", 2000, CLIENTS, stays_open=True)
    check(good, f"ab: 2,000 requests over {CLIENTS} connections that stay open, none failed", said)
    good, said = serving.ab(URL + "/small", 500, 50, stays_open=False)
    check(good, "ab: 500 connections for one request each, none failed", said)
    good, said = serving.wrk(URL + "/small", 50)
    check(good, "wrk: 50 connections, no error", said)


def rude(small, big):
    stalled = [serving.connect(80) for _ in range(10)]
    for s in stalled:
        s.sendall(REQUEST.replace(b"small", b"big"))
    equal({serving.digest(curl("/big")[1])}, {serving.digest(big)}, "who does not read does not stop its neighbours")
    for s in stalled[:5]:
        s.close()  # with bytes that were not read: a reset
    late = [s.recv(1 << 16) for s in stalled[5:]]
    for n, s in enumerate(stalled[5:]):
        while not late[n].endswith(big[-100:]) and (piece := s.recv(1 << 16)):
            late[n] += piece
        s.close()
    check(all(got.endswith(big) for got in late), "and gets the rest when it does", [len(got) for got in late])
    equal(curl("/small"), (0, small), "and after some went in the middle all is well")
    with serving.connect(80) as s:
        s.sendall(b"PUT /put/half HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
    equal(curl("/small"), (0, small), "so it is after half an upload")


def unplugged(big):
    with serving.connect(80) as s:
        s.sendall(REQUEST.replace(b"small", b"big").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        got = s.recv(1 << 20)
        serving.link("down")
        time.sleep(2)
        serving.link("up")
        got += serving.read_all(s)
        check(got.endswith(big), "a transfer goes on after the link was down for two seconds", len(got))


def serve(root, *options):
    small, big = (root / "www/small").read_bytes(), (root / "www/big").read_bytes()
    with serving.Guest(root, "/bin/sh /serve", *options) as guest:
        check(guest.says(b"ready") and guest.serves(80), "nginx serves", guest.said)
        bodies(small, big)
        by_hand(small)
        many(small, big)
        loads()
        rude(small, big)
        unplugged(big)
        curl("/put/reload", "-T", "/dev/null")
        check(guest.says(b"reloaded"), "the master is told to reload", guest.said)
        equal(curl("/small"), (0, small), "and others serve")
        curl("/put/over", "-T", "/dev/null")
        equal((guest.wait(), guest.said.splitlines()[-1]), (0, b"all over"), "and all of them end, without an error")


def main():
    serving.begin("curl", "ab", "wrk")
    with tempfile.TemporaryDirectory(prefix="exo4-nginx-") as folder:
        root = pathlib.Path(folder) / "root"
        make_root(root)
        for way in ("libos", "patched"):
            print(f"# by {way}")
            serve(root, *beside_linux.way_options(way))
    done()


main()
