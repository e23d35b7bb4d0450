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
        for options in (("--icount", "1"), ("--icount", "1", "--smp", "2")):
            want = beside_linux.same(root, "/bin/go-program a b", f"a program of Go{' on two CPUs' * (len(options) > 2)}",
                                     ("patched", "trampoline"), options=options)
            check(want[0] == 13 and want[1].count(b"\n") == 23, "all its parts ran on Linux", want)
    done()


main()
