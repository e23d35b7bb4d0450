#!/usr/bin/env python3
"""Debian's own servers, unmodified and dynamically linked or static, on exo4: iperf3 measures both ways over TCP and UDP,
busybox serves files; clients of this machine count no error."""
import json
import os
import pathlib
import tempfile
import time

import beside_linux
import serving
from tap_print import check, done, equal

IPERF3 = "/usr/bin/iperf3"
SECONDS = 1


def measure(*options):
    """iperf3's report. A server is busy for a moment after each measurement."""
    for _ in range(20):
        report = json.loads(serving.client("iperf3", "-c", serving.GUEST, "-t", str(SECONDS), "-J", *options)[1])
        if "busy" not in report.get("error", ""):
            break
        time.sleep(0.2)
    time.sleep(0.3)
    return report


def iperf3(root):
    with serving.Guest(root, f"{IPERF3} -s --forceflush") as guest:
        check(guest.says(b"Server listening"), "iperf3, Debian's, waits for clients", guest.said)
        for what, options in (("to the guest", ()), ("from the guest", ("-R",)), ("four connections to it", ("-P", "4")),
                              ("four connections from it", ("-P", "4", "-R")), ("both ways at once", ("--bidir",))):
            report = measure(*options)
            end = report.get("end", {})
            check("error" not in report and end["sum_received"]["bytes"] > 100_000, f"TCP, {what}: more than 100 kB arrive", report)
            check(end.get("sum_received", {}).get("bytes", 0) <= end.get("sum_sent", {}).get("bytes", 0), "and no more than was sent")
        for what, options in (("to the guest", ()), ("from the guest", ("-R",))):
            report = measure("-u", "-b", "2M", "-l", "1000", *options)
            total = report.get("end", {}).get("sum", {})
            check("error" not in report and total.get("packets", 0) > 100 and total["lost_packets"] <= total["packets"] // 20,
                  f"UDP, {what}: datagrams arrive, nearly all", report)


def busybox(root):
    page, big = b"hello from exo4\n", os.urandom(10_000_000)
    (root / "www/page").write_bytes(page)
    (root / "www/big").write_bytes(big)
    url = f"http://{serving.GUEST}"
    with serving.Guest(root, "/bin/busybox httpd -f -p 80 -h /www") as guest:
        check(guest.serves(80), "busybox's httpd serves", guest.said)
        equal(serving.client("curl", "-sS", url + "/page"), (0, page), "a page")
        check(serving.client("curl", "-sS", url + "/big") == (0, big), "ten megabytes, unchanged")
        got = serving.at_once(lambda _: serving.client("curl", "-sS", url + "/page")[1], 30)
        equal(set(got), {page}, "30 clients at once, a process for each")
        stalled = serving.connect(80)
        stalled.sendall(b"GET /big HTTP/1.0\r\n\r\n")
        equal(serving.client("curl", "-sS", url + "/page"), (0, page), "while one does not read")
        serving.link("down")
        time.sleep(1)
        serving.link("up")
        check(serving.read_all(stalled).endswith(big), "which gets all of it later, though the link went down meanwhile")
        stalled.close()


def main():
    serving.begin("iperf3", "curl")
    with tempfile.TemporaryDirectory(prefix="exo4-servers-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root)
        (root / "www").mkdir()
        serving.add_libraries(root, IPERF3)
        iperf3(root)
        busybox(root)
    done()


main()
