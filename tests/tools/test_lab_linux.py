#!/usr/bin/env python3
"""What `make lab-linux` fetches and how it counts, on packages and a client made for the test: no network, no machine."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, "tests/lab")
import run_linux  # noqa: E402
from tap_print import check, done, equal  # noqa: E402

KERNEL = "linux-image-9.9-cloud-amd64"
MODULES = {"virtio_net": "net_failover,virtio", "net_failover": "failover", "failover": "", "virtio": "", "virtio_pci": "virtio",
           "virtio_blk": "virtio"}
LIBRARIES = "libc6", "libcrypt1", "libnettle8", "libpcre2-8-0", "libssl3", "libxxhash0", "zlib1g"
WRK = "  {count} requests in 2.00s, 1MB read\n{more}Requests/sec:   {rate}\nTransfer/sec: 1MB\n"


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def package(work, name, files):
    """A Debian package with these files: place and bytes."""
    tree = work / "tree"
    for place, data in {"DEBIAN/control": f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\n"
                                          "Description: x\n".encode(), **files}.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        (tree / place).write_bytes(data)
    subprocess.run(["dpkg-deb", "-b", tree, work / f"debs/{name}.deb"], check=True, capture_output=True)
    shutil.rmtree(tree)


def make_packages(work):
    (work / "debs").mkdir()
    (work / "bin").mkdir()
    script(work / "bin/apt-cache", f"echo 'Depends: {KERNEL} (= 1)'")
    script(work / "bin/apt-get", f'for name; do :; done; cp {work}/debs/$name.deb . 2>&- || {{ echo "E: no $name" >&2; exit 100; }}')
    modules = {f"lib/modules/9.9/kernel/{name}.ko": f"\0license=GPL\0depends={below}\0name={name}\0".encode()
               for name, below in MODULES.items()}
    package(work, KERNEL, {"boot/vmlinuz-9.9": b"kernel", **modules})
    program = pathlib.Path("/bin/true").read_bytes()
    for name in LIBRARIES:
        package(work, name, {f"usr/share/{name}": b"x"})
    library = pathlib.Path("/lib/x86_64-linux-gnu/libc.so.6").read_bytes()
    package(work, "libc6", {"lib/x86_64-linux-gnu/libc.so.6": library, "lib64/ld-linux-x86-64.so.2": library})
    for name in ("lighttpd", "nginx"):
        package(work, name, {f"usr/sbin/{name}": program, "usr/share/manual": b"x"})


def fetch(work):
    return subprocess.run([sys.executable, "tests/lab/fetch_linux.py", work / "linux"], capture_output=True, text=True, check=False,
                          env={**os.environ, "PATH": f"{work / 'bin'}:{os.environ['PATH']}"})


def test_fetch(work):
    make_packages(work)
    end = fetch(work)
    equal((end.returncode, end.stderr), (0, ""), "packages are fetched and unpacked")
    out = work / "linux"
    order = [path.name[3:-3] for path in sorted((out / "modules").glob("*"))]
    equal(sorted(order), sorted(set(MODULES) - {"virtio_blk"}), "of the modules those that a card needs, each once")
    late = [(name, below) for name in order for below in MODULES[name].split(",") if below and order.index(below) > order.index(name)]
    equal(late, [], "each behind those that it depends on")
    have = {str(path.relative_to(out / "root")) for path in (out / "root").rglob("*") if path.is_file()}
    equal(have, {"usr/sbin/lighttpd", "usr/sbin/nginx", "lib/x86_64-linux-gnu/libc.so.6", "lib64/ld-linux-x86-64.so.2"},
          "of the rest the servers and what they are linked with")
    equal(((out / "vmlinuz").read_bytes(), len((out / "versions").read_text().splitlines())), (b"kernel", 10), "a kernel, and 10 versions")
    (work / "debs/nginx.deb").unlink()
    end = fetch(work)
    equal((end.returncode, len(end.stderr.splitlines())), (1, 1), "a package that is not to be had ends it, with one line")
    check(end.stderr.startswith("lab-linux: no Linux to compare with: ") and "no nginx" in end.stderr, "which says what is missing", end.stderr)
    check((out / "versions").exists(), "and what was there stays")
    (work / "debs/lighttpd.deb").unlink()
    package(work, "nginx", {"usr/sbin/nginx": pathlib.Path("/bin/true").read_bytes()})
    package(work, "lighttpd", {"usr/share/manual": b"x"})
    end = fetch(work)
    check(end.returncode == 1 and "have no usr/sbin/lighttpd" in end.stderr, "so does one without its program", end.stderr)


def load_of(work, text, status=0):
    (work / "said").write_text(text)
    script(work / "bin/wrk", f"cat {work}/said; exit {status}")
    try:
        return run_linux.load("http://nowhere", 1)
    except run_linux.Failed:
        return None


def test_load(work):
    os.environ["PATH"] = f"{work / 'bin'}:{os.environ['PATH']}"
    equal(load_of(work, WRK.format(count=42, rate=21.5, more="")), (21.5, 42), "what the client counted is read")
    for what, text, status in (("errors of sockets", WRK.format(count=42, rate=21, more="  Socket errors: connect 0, read 1\n"), 0),
                               ("other answers than the document", WRK.format(count=42, rate=21, more="  Non-2xx or 3xx responses: 1\n"), 0),
                               ("no request", WRK.format(count=0, rate="0.00", more=""), 0), ("no figure", "", 0),
                               ("a client that failed", WRK.format(count=42, rate=21, more=""), 1)):
        equal(load_of(work, text, status), None, f"{what}: no figure")


def test_ratios():
    figures = [{"system": name, "rate": rate} for name, rate in (("a", 8.0), ("b", 2.0), ("a", 9.0), ("b", None), ("a", 9.0), ("b", 3.0))]
    equal(run_linux.ratios(figures, "a", "b", "rate"), [4.0, 3.0], "ratios are those of rounds in which both served")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-test-linux-") as name:
        test_fetch(pathlib.Path(name))
        test_load(pathlib.Path(name))
    test_ratios()
    done()


main()
