#!/usr/bin/env python3
"""make lab-linux: Debian's cloud kernel, web servers and their libraries, for a guest; nothing is installed here.

usage: fetch_linux.py FOLDER

Downloads the packages with apt-get, which checks them against Debian's signed lists, and makes in FOLDER
    vmlinuz    the kernel
    modules/   the kernel's modules that a network card needs, NN-NAME.ko in the order of loading
    root/      the servers, and of the libraries what they are linked with, at their places
    versions   a line for each package
What is there is replaced only when all has come.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

KERNEL = "linux-image-cloud-amd64"  # a name for whichever is the newest
DRIVERS = "virtio_pci", "virtio_net"
LIBRARIES = "libc6", "libcrypt1", "libnettle8", "libpcre2-8-0", "libssl3", "libxxhash0", "zlib1g"
SERVERS = {"lighttpd": "usr/sbin/lighttpd", "nginx": "usr/sbin/nginx"}
LOADER = "lib64/ld-linux-x86-64.so.2"
WHERE = "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"
PATIENCE = 300  # seconds; only to notice a hang


class Failed(Exception):
    """The packages are not to be had; the text says which and why."""


def run(*command, cwd=None):
    try:
        end = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Failed(f"{command[0]}: {problem}") from None
    if end.returncode:
        said = (end.stderr.strip() or f"status {end.returncode}").splitlines()[-1]
        raise Failed(f"{command[0]}: {said}" + ("; `apt-get update` brings its lists up to date" if command[0] == "apt-get" else ""))
    return end.stdout


def kernel_package():
    text = run("apt-cache", "--no-all-versions", "show", KERNEL)
    found = re.search(r"^Depends:.*?\b(linux-image-\d\S+)", text, re.M)
    if not found:
        raise Failed(f"{KERNEL}: depends on no kernel")
    return found[1]


def unpack(work):
    """All packages, unpacked in `work`/all; a line for each."""
    names = [kernel_package(), *LIBRARIES, *SERVERS]
    for name in names:  # each by itself, so that what is missing is named
        run("apt-get", "-q", "download", name, cwd=work)
    lines = []
    for package in sorted(work.glob("*.deb")):
        run("dpkg-deb", "-x", str(package), str(work / "all"))
        lines.append(" ".join(run("dpkg-deb", "-f", str(package), field).strip() for field in ("Package", "Version")))
    return lines


def one(paths, what):
    found = sorted(paths)
    if not found:
        raise Failed(f"the packages have no {what}")
    return found[0]


def copy_modules(every, to):
    """The drivers, and before each what it depends on, as the modules themselves say."""
    folder, order = every / "lib/modules", []

    def add(name):
        path = one(folder.glob(f"**/{name}.ko"), f"module {name}")
        needs = re.search(rb"(?:^|\0)depends=([^\0]*)\0", path.read_bytes())
        for below in filter(None, (needs[1].decode() if needs else "").split(",")):
            add(below)
        if path not in order:
            order.append(path)

    for driver in DRIVERS:
        add(driver)
    to.mkdir()
    for number, path in enumerate(order):
        shutil.copy(path, to / f"{number:02}-{path.name}")


def needed(path):
    return re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", str(path)))


def copy_servers(every, to):
    """The servers, and the libraries that these are linked with, each at the place where the loader looks."""
    todo = [*SERVERS.values(), LOADER]
    done = set()
    while todo:
        place = todo.pop()
        if place in done:
            continue
        done.add(place)
        (to / place).parent.mkdir(parents=True, exist_ok=True)
        if not (every / place).exists():
            raise Failed(f"the packages have no {place}")
        shutil.copy(every / place, to / place)
        for name in needed(every / place):
            if name != pathlib.Path(LOADER).name:
                todo.append(one((f"{w}/{name}" for w in WHERE if (every / w / name).exists()), name))


def make(folder):
    with tempfile.TemporaryDirectory(prefix="exo4-linux-") as name:
        work = pathlib.Path(name)
        lines = unpack(work)
        every, out = work / "all", work / "out"
        out.mkdir()
        shutil.copy(one((every / "boot").glob("vmlinuz-*"), "kernel"), out / "vmlinuz")
        copy_modules(every, out / "modules")
        copy_servers(every, out / "root")
        (out / "versions").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(out, folder)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        make(pathlib.Path(sys.argv[1]))
    except (Failed, OSError) as problem:
        sys.exit(f"lab-linux: no Linux to compare with: {problem}")


if __name__ == "__main__":
    main()
