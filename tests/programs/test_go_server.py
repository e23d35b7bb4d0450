#!/usr/bin/env python3
"""A web server of Go on exo4, unmodified and static: goroutines on threads, and epoll; its clients are curl, wrk, ab, and
itself."""
import hashlib
import os
import pathlib
import re
import tempfile

import beside_linux
import serving
from tap_print import check, done, equal

URL = f"http://{serving.GUEST}"
BIG = (bytes(n % 251 for n in range(65536)) * 160)[:10_000_000]


def curl(path, *options):
    return serving.client("curl", "-sS", *options, URL + path)


def contents():
    equal(curl("/a/page"), (0, b"hello /a/page\n"), "curl reads a page")
    check(curl("/big?bytes=10000000") == (0, BIG), "and ten megabytes in chunks, unchanged")
    sent = os.urandom(10_000_000)
    equal(serving.client("curl", "-sS", "--data-binary", "@-", URL + "/sum", data=sent),
          (0, b"%d %s\n" % (len(sent), hashlib.sha256(sent).hexdigest().encode())), "ten megabytes that are sent arrive")
    equal(curl("/relay?of=http://127.0.0.1/itself"), (0, b"hello /itself\n"), "the server is its own client")
    equal(curl("/relay?of=http://localhost/named"), (0, b"hello /named\n"), "also by name")
    equal(curl("/relay?of=http://127.0.0.1:81/", "-o", "/dev/null", "-w", "%{http_code}"), (0, b"502"), "and hears when nobody serves")


def loads():
    good, said = serving.ab(URL + "/x", 3000, 100, stays_open=True)
    check(good, "ab: 3,000 requests over 100 connections that stay open, none failed", said)
    good, said = serving.wrk(URL + "/x", 50)
    check(good, "wrk: 50 connections, no error", said)
    wanted = serving.digest(BIG[:2_000_000])
    got = serving.at_once(lambda _: serving.digest(curl("/big?bytes=2000000")[1]), 20)
    equal(set(got), {wanted}, "20 clients get two megabytes each at once")


def rude():
    for _ in range(10):
        with serving.connect(80) as s:
            s.sendall(b"GET /big?bytes=100000000 HTTP/1.1\r\nHost: x\r\n\r\n")
            s.recv(1000)
    equal(curl("/x"), (0, b"hello /x\n"), "after ten went in the middle of an answer all is well")


def main():
    serving.begin("curl", "ab", "wrk")
    with tempfile.TemporaryDirectory(prefix="exo4-go-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root)
        (root / "etc").mkdir()
        serving.add_ported(root, "go-server")
        for way in ("patched", "trampoline"):
            print(f"# by {way}")
            with serving.Guest(root, "/bin/go-server", "--via", way) as guest:
                check(guest.says(b"ready") and guest.serves(80), "it serves", guest.said)
                contents()
                loads()
                rude()
                curl("/end")
                equal(guest.wait(), 0, "it ends")
                check(int(re.search(rb"served (\d+)", guest.said)[1]) > 3100, "and served them all", guest.said)
    done()


main()
