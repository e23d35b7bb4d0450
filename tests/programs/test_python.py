#!/usr/bin/env python3
"""Debian's Python, linked static with glibc and otherwise unmodified: a program of many modules, threads,
processes, signals and local sockets; the same as on Linux."""
import pathlib
import shutil
import tempfile

import beside_linux
from tap_print import check, done

LIBRARY = pathlib.Path("/usr/lib/python3.11")
LEFT_OUT = shutil.ignore_patterns("test", "lib-dynload", "config-*", "idlelib", "lib2to3", "distutils", "pydoc_data",
                                  "ensurepip", "tkinter", "asyncio", "unittest", "turtledemo", "sitecustomize.py",
                                  "multiprocessing", "*.opt-*.pyc")
PROGRAM = pathlib.Path(__file__).with_name("program.py")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-python-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root, "python3")
        shutil.copytree(LIBRARY, root / LIBRARY.relative_to("/"), ignore=LEFT_OUT)
        shutil.copy(PROGRAM, root / "program.py")
        beside_linux.not_by("libos", "Debian's static library is for glibc")
        want = beside_linux.same(root, "/bin/python3 -S -E /program.py a b", "a program of Python",
                                 ("patched", "trampoline", "hide=1"))
        check(want[0] == 1 and want[1].count(b"---") == 7 and want[2].endswith(b"\nRuntimeError: seen as the status\n"),
              "all its parts ran on Linux", want)
    done()


main()
