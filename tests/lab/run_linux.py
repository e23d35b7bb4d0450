#!/usr/bin/env python3
"""make lab-linux: the same web servers on exo4 and on a Linux guest, and exo4's own beside them.

usage: run_linux.py [--linux FOLDER] [--rounds N] [--seconds N] [--only WORD] [--out FILE]

Each machine has the same QEMU, one CPU, the same memory and virtio card, on a tap in a network namespace of this run;
wrk asks from this side, over connections that stay open, for a document of 1 kB. The machines are booted in turn, all
of them in each round, so that what else happens on this host meets all. Status: 0, or 1 when one did not serve.
"""
import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / "exo/tools"), str(TOP / "tests/tools")]
import mkarchive  # noqa: E402
import qemu  # noqa: E402
import serving  # noqa: E402
from pumping import pumping  # noqa: E402

MEMORY = "512M"  # what `make exec` gives its machine
CONNECTIONS = 16
WARM_UP = 1      # seconds of load before those that count
COUNTED = 10     # seconds of load whose instructions are counted
UP = 60          # seconds that a machine has until it serves
DOCUMENT = "1k"
COUNTER = 81     # the port where Linux says how long it has been up, and idle
COUNTING = "-icount", "shift=0,sleep=on", "-rtc", "clock=vm"  # an instruction takes a nanosecond, idleness its time
LINUX_WORDS = "console=ttyS0 quiet panic=-1 mitigations=off clocksource=tsc tsc=reliable"  # all in its favour
NGINX = """worker_processes 1; daemon off; error_log /tmp/error; pid /tmp/nginx.pid; user root;
events { worker_connections 512; }
http { access_log off; sendfile on; keepalive_requests 1000000000; server { listen 80; root /www; } }
"""
LIGHTTPD = """server.document-root = "/www"
server.port = 80
server.max-keep-alive-requests = 1000000000
server.compat-module-load = "disable"
server.modules = ( "mod_staticfile" )
server.upload-dirs = ( "/tmp" )
"""
INIT = """#!/bin/sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
for module in /modules/*; do /bin/busybox insmod $module; done
/bin/busybox ifconfig lo up
/bin/busybox ifconfig eth0 {address} netmask 255.255.255.0 up
busybox nc -ll -p {counter} -e /bin/busybox cat /proc/uptime &
{command}
echo "{command}: ended"
/bin/busybox poweroff -f
"""
SERVERS = {"lighttpd": "/usr/sbin/lighttpd -D -f /etc/lighttpd.conf", "nginx": "/usr/sbin/nginx -c /etc/nginx.conf",
           "busybox httpd": "/bin/busybox httpd -f -p 80 -h /www"}
DIRECT = {"exo4, http_direct on a ring": ("http_direct", "", {"net": f"tap:{serving.TAP}"}),
          "exo4, http_direct on a card of its own": ("http_direct", "card", {"iommu": "1", "net": "user", "net2": f"tap:{serving.TAP}"}),
          "exo4, http on lwIP": ("http", "", {"net": f"tap:{serving.TAP}"})}
AIMS = [(name, "Linux, lighttpd", 8) for name in list(DIRECT)[:2]] + \
       [(f"exo4, {name}", f"Linux, {name}", 1.5) for name in ("lighttpd", "nginx")]
WHATS = "rate", "busy_rate"  # requests per second of time, and per second that the machine had a processor


class Failed(Exception):
    """There is no figure; the text says why."""


def give_up(why):
    sys.exit(f"lab-linux: {why}")


# The machines ------------------------------------------------------------------------------


def make_root(root, linux):
    """What both systems have as /: the servers, their files, and the document."""
    shutil.copytree(linux / "root", root)
    for name in ("bin", "etc", "www", "tmp", "var/log/nginx", "var/lib/nginx"):
        (root / name).mkdir(parents=True, exist_ok=True)
    busybox = next((path for path in ("/bin/busybox", "/usr/bin/busybox") if os.access(path, os.X_OK)), None)
    if not busybox:
        give_up("no busybox on this machine; `make setup` installs it")
    shutil.copy(busybox, root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/nginx.conf").write_text(NGINX)
    (root / "etc/lighttpd.conf").write_text(LIGHTTPD)
    (root / "www" / DOCUMENT).write_bytes(os.urandom(1024))


def make_image(path, *trees, blobs=(), archives=()):
    with open(path, "wb") as out:
        mkarchive.make(out, trees=trees, blobs=blobs, archives=archives)
    return str(path)


def make_linux(work, root, linux, command):
    """An initramfs: the root, the modules, and an init that starts the server."""
    tree = work / "tree"
    shutil.copytree(root, tree, symlinks=True)
    shutil.copytree(linux / "modules", tree / "modules")
    (tree / "init").write_text(INIT.format(address=serving.GUEST, command=command, counter=COUNTER))
    (tree / "init").chmod(0o755)
    image = make_image(work / f"{command.split()[0].rpartition('/')[2]}.cpio", tree)
    shutil.rmtree(tree)
    return image


@contextlib.contextmanager
def machine(options):
    """A machine that serves; its process, and what it has printed so far."""
    with qemu.Machine(options) as booted, pumping(booted):
        yield booted.process, lambda: bytes(booted.out + booted.err).decode(errors="replace") + "\n".join(booted.log)


@contextlib.contextmanager
def program(root, command):
    """The same by `make exec`."""
    with serving.Guest(root, command, "--mem", MEMORY, timeout=600) as guest:
        yield guest.process, lambda: guest.said.decode(errors="replace")


def systems(work, root, linux):
    """(name, what boots it, the same with an instruction for a nanosecond or None) of all that is compared."""
    own = make_image(work / "own.cpio", root / "www", archives=[qemu.SYSTEM])
    for name, (run, last, cards) in DIRECT.items():
        options = qemu.Options(append=f"run={run} 80 {serving.GUEST} {last}".rstrip(), initrd=own, mem=MEMORY, **cards)
        yield name, lambda options=options: machine(options), None
    for name, command in SERVERS.items():
        yield f"exo4, {name}", lambda command=command: program(root, command), None
        options = qemu.Options(append=LINUX_WORDS, kernel=str(linux / "vmlinuz"), mem=MEMORY, net=f"tap:{serving.TAP}",
                               initrd=make_linux(work, root, linux, command))
        counting = dataclasses.replace(options, further=COUNTING)
        yield f"Linux, {name}", lambda options=options: machine(options), lambda options=counting: machine(options)


# The measurement ---------------------------------------------------------------------------


def processor_seconds(pid):
    """Of a process and of those below it, so far."""
    with contextlib.suppress(OSError):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        below = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(map(processor_seconds, below))
    return 0


def wait_until_served(url, want, process, said):
    until = time.monotonic() + UP
    got = b""
    while time.monotonic() < until and process.poll() is None:
        try:
            got = urllib.request.urlopen(url, timeout=5).read()
            break
        except urllib.error.HTTPError as problem:
            raise Failed(f"the document: {problem}") from None
        except OSError:
            time.sleep(0.1)
    if got != want:
        raise Failed(f"the document did not come, or not as it is; last words: {said().strip()[-300:]!r}")


def load(url, seconds):
    """Requests per second, and how many there were."""
    status, said = serving.client("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30", url, patience=seconds + 60)
    text = said.decode(errors="replace")
    rate, count = re.search(r"Requests/sec: +([\d.]+)", text), re.search(r"(\d+) requests in", text)
    if status or not rate or not int(count[1]) or re.search("Socket errors|Non-2xx", text):
        raise Failed(f"wrk: status {status}: {text.strip()[-300:]!r}")
    return float(rate[1]), int(count[1])


def measure(boot, url, want, seconds):
    """Requests per second of time, and per second that the machine had a processor."""
    with boot() as (process, said):
        wait_until_served(url, want, process, said)
        load(url, WARM_UP)
        before = processor_seconds(process.pid)
        rate, count = load(url, seconds)
        busy = processor_seconds(process.pid) - before
        return rate, count / busy if busy else 0.0


def busy_time():
    """Seconds that a Linux guest has not been idle, in steps of a hundredth each for both of its words."""
    try:
        with socket.create_connection((serving.GUEST, COUNTER), timeout=UP) as s:
            up, idle = serving.read_all(s).split()
            return float(up) - float(idle)
    except (OSError, ValueError) as problem:
        raise Failed(f"/proc/uptime: {problem}") from None


def count(boot, url, want):
    """Instructions of a request, kernel and user, and how much of them may be the steps of the clock."""
    with boot() as (process, said):
        wait_until_served(url, want, process, said)
        load(url, WARM_UP)
        before = busy_time()
        requests = load(url, COUNTED)[1]
        return (busy_time() - before) * 1e9 / requests, 0.02 * 1e9 / requests


def count_all(chosen, url, want):
    """Prints what each system that can say it needs for a request; how many could not."""
    failed = 0
    for name, _, counting in chosen:
        if counting:
            try:
                found, unsure = count(counting, url, want)
                print(f"{name}: {found:,.0f} instructions a request, +- {unsure:,.0f}", flush=True)
            except (Failed, qemu.Misuse) as problem:
                failed += 1
                print(f"{name}: no count: {problem}", flush=True)
    return failed


def spread(values):
    return f"{statistics.median(values):,.0f}", f"{min(values):,.0f} to {max(values):,.0f}"


def of(figures, name, what):
    return [f[what] for f in figures if f["system"] == name]


def ratios(figures, ours, theirs, what):
    """Round by round; a round in which one of them failed has none."""
    return [a / b for a, b in zip(of(figures, ours, what), of(figures, theirs, what)) if a and b]


def show(figures, names):
    print(f"\n{'1 kB, requests':40}{'a second':>10}{'spread':>20}{'a processor second':>20}{'spread':>20}")
    for name in names:
        good = [f for f in figures if f["system"] == name and f["rate"]]
        if good:
            (middle, ends), (busy, busy_ends) = (spread(of(good, name, what)) for what in WHATS)
            print(f"{name:40}{middle:>10}{ends:>20}{busy:>20}{busy_ends:>20}")
    print(f"\n{'how many times as many':62}{'a second':>10}{'spread':>16}{'a proc. second':>16}{'spread':>16}{'aim':>6}")
    for ours, theirs, aim in AIMS:
        by = [ratios(figures, ours, theirs, what) for what in WHATS]
        if all(by):
            cells = "".join(f"{statistics.median(r):>{w}.2f}{f'{min(r):.2f} to {max(r):.2f}':>16}" for r, w in zip(by, (10, 16)))
            verdict = "reached" if statistics.median(by[0]) >= aim else "missed"
            print(f"{ours + ' / ' + theirs:62}{cells}{aim:>6}  {verdict}")


def compare(args, work):
    root = work / "root"
    make_root(root, args.linux)
    want, url = (root / "www" / DOCUMENT).read_bytes(), f"http://{serving.GUEST}"
    chosen = [system for system in systems(work, root, args.linux) if args.only in system[0]]
    if not chosen:
        give_up(f"ONLY={args.only}: no machine has that in its name")
    figures, failed = [], 0
    for number in range(1, args.rounds + 1):
        for name, boot, _ in chosen:
            figure = {"system": name, "round": number, "rate": None, "busy_rate": None}
            figures.append(figure)
            try:
                figure["rate"], figure["busy_rate"] = measure(boot, f"{url}/{DOCUMENT}", want, args.seconds)
                print(f"round {number}: {name}: {figure['rate']:,.0f}", flush=True)
            except (Failed, qemu.Misuse) as problem:
                failed += 1
                print(f"round {number}: {name}: no figure: {problem}", flush=True)
    show(figures, [name for name, *_ in chosen])
    print()
    failed += count_all(chosen, f"{url}/{DOCUMENT}", want)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("".join(json.dumps(f) + "\n" for f in figures), encoding="utf-8")
    print(f"\n{args.out}: every round. Figures are times on this host, by plain emulation: compare those of one run alone.")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--linux", type=pathlib.Path, default=pathlib.Path("build/linux"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/lab/linux.jsonl"))
    args = parser.parse_args()
    if args.rounds < 1 or args.seconds < 1:
        give_up("ROUNDS and SECONDS are at least 1")
    serving.begin("wrk", otherwise=give_up)
    print("".join(f"# {line}" for line in (args.linux / "versions").read_text().splitlines(True)), end="")
    with tempfile.TemporaryDirectory(prefix="exo4-lab-linux-") as name:
        sys.exit(compare(args, pathlib.Path(name)))


if __name__ == "__main__":
    main()
