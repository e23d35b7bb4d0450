#!/usr/bin/env python3
"""A static program of Go, unmodified: goroutines on several threads, timers, files, processes, signals, local
sockets; the same as on Linux."""
import pathlib
import shutil
import tempfile

import beside_linux
from tap_print import check, done


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-go-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root, "go-program")
        beside_linux.not_by("libos", "Go's compiler links its own calls, not musl")
        want = beside_linux.same(root, "/bin/go-program a b", "a program of Go", ("patched", "trampoline", "hide=1"),
                                 options=("--icount", "1"))
        check(want[0] == 13 and want[1].count(b"\n") == 23, "all its parts ran on Linux", want)
    done()


main()
