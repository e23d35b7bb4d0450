#!/usr/bin/env python3
"""Dynamically linked programs and static PIEs, unmodified, with this machine's own loaders and libraries:
the same output as on this machine."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tap_print import check, done, equal

PROGRAM, PLUG = "tests/system/dynamic_program.c", "tests/system/dynamic_plug.c"
CLOCK = "tests/system/clock_program.c"
ENVIRONMENT = {"PATH": "/bin:/sbin:/usr/bin:/usr/sbin", "HOME": "/", "TERM": "dumb"}
MUSL_LOADER = pathlib.Path("/lib/ld-musl-x86_64.so.1")  # and its library
MUSL = pathlib.Path("/usr/lib/x86_64-linux-musl")
PYTHON_CODE = "import _thread, sys; l = _thread.allocate_lock(); l.acquire(); " \
              "_thread.start_new_thread(lambda: (print(sum(range(9999))), l.release()), ()); l.acquire(); " \
              "print(sys.version, sys.executable)"


def libraries_of(program):
    """What its loader finds for it, and the loader."""
    found = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return [pathlib.Path(path) for path in re.findall(r"(/\S+)", found)]


def add(root, *paths):
    for path in paths:
        to = root / path.relative_to("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists():
            shutil.copy(path, to)


def add_program(root, path):
    add(root, path, *libraries_of(path))


def add_python(root):
    python = pathlib.Path(os.path.realpath("/usr/bin/python3"))
    if not python.exists():
        return None
    library = pathlib.Path(subprocess.run([python, "-S", "-E", "-c", "import os; print(os.__file__)"], text=True,
                                          capture_output=True, check=True).stdout).parent
    add_program(root, python)
    add(root, library / "os.py", *(library / "encodings" / name for name in ("__init__.py", "aliases.py", "utf_8.py",
                                                                             "ascii.py", "latin_1.py")))
    (root / library.relative_to("/") / "lib-dynload").mkdir()
    return python


def compiled(*command):
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        print(f"# {' '.join(map(str, command))}: {ended.stderr}")
    return ended.returncode == 0


def add_ours(root):
    """The program in all forms that this machine can make; plug-ins beside those that take them."""
    out, names = root / "bin", []
    flags = ["-O1", "-pthread"]
    for name, compiler, more in (("glibc", "gcc", ["-pie", "-fPIE"]), ("glibc-fixed", "gcc", ["-no-pie", "-fno-pie"]),
                                 ("musl", "musl-gcc", ["-pie", "-fPIE"])):
        plug = f"./lib/{compiler}.so"
        if shutil.which(compiler) and compiled(compiler, "-shared", "-fPIC", "-o", root / plug, PLUG) and compiled(
                compiler, *flags, *more, "-Wl,-z,relro,-z,now", "-rdynamic", f'-DPLUG="{plug}"', "-o", out / name,
                PROGRAM):
            names.append(name)
            add(root, *([MUSL_LOADER] if name == "musl" else libraries_of(out / name)))
    if compiled("gcc", *flags, "-static-pie", "-fPIE", "-o", out / "glibc-static", PROGRAM):
        names.append("glibc-static")
    if shutil.which("musl-gcc") and compiled("musl-gcc", *flags, "-fPIE", "-c", "-o", root / "o", PROGRAM) and compiled(
            "ld", "-static", "-pie", "--no-dynamic-linker", "-z", "relro", "-o", out / "musl-static",
            MUSL / "rcrt1.o", MUSL / "crti.o", root / "o", MUSL / "libc.a", MUSL / "crtn.o"):
        names.append("musl-static")
    (root / "o").unlink(missing_ok=True)
    return names


def run(root, cmd, via, *more):
    return subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60", "--via", via,
                           "--cmd", cmd, *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_clocks(root):
    """What the vDSO answers is no call: only the one clock that it does not know is in the log."""
    make_root(root)
    add(root, MUSL_LOADER)
    made = [name for name, compiler, more in (("c-glibc", "gcc", []), ("c-static", "gcc", ["-static"]),
                                              ("c-musl", "musl-gcc", []), ("c-musl-static", "musl-gcc", ["-static"]))
            if compiled(compiler, "-O1", *more, "-o", root / "bin" / name, CLOCK)]
    equal(len(made), 4, "programs that read clocks")
    (root / "clocks").write_text("".join(f"{name} compare; {name}; " for name in made))
    there = run(root, "/bin/bash ./clocks", "patched", "--trace", "1")
    equal((there.returncode, there.stdout.splitlines()), (0, ["0 wrong"] * 8), "the vDSO agrees with calls")
    by = {}
    for process, clock in re.findall(r"^\[(\d+)\] (?:clock_gettime|gettimeofday|time)\((.*?),", there.stderr,
                                     flags=re.M):
        by.setdefault(process, []).append(clock)
    check(len(by) == 8 and list(by.values()).count(["2"]) == 4, "no clock was read by a call", by)
    (root / "lib64/ld-linux-x86-64.so.2").unlink()
    there = run(root, "/bin/bash ./clocks", "trampoline")
    check(there.returncode == 127 and "not found" in there.stderr, "without its loader a program is not found", there)


def make_root(root):
    for name in ("bin", "lib", "d", "etc"):
        (root / name).mkdir(parents=True)
    add(root, pathlib.Path("/etc/ld.so.cache"))
    add_program(root, pathlib.Path("/bin/bash"))


def test_programs(root):
    make_root(root)
    (root / "d/one").write_text("one\n")
    (root / "d/two").write_text("two\n")
    add_program(root, pathlib.Path("/bin/ls"))
    names = add_ours(root)
    equal(names, ["glibc", "glibc-fixed", "musl", "glibc-static", "musl-static"], "all forms can be made here")
    python = add_python(root)
    lines = ["echo $BASH_VERSION", "ls -1 d", "ls d/none; echo $?", "for f in d/*; do read x < $f; echo $x; done"]
    lines += [f"echo == {name}; ./bin/{name}; echo $?" for name in names]
    if python:
        lines.append(f"{python} -S -E -c '{PYTHON_CODE}'; echo $?")
    (root / "all").write_text("\n".join(lines) + "\n")
    here = subprocess.run(["/bin/bash", "./all"], cwd=root, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    check(here.returncode == 0 and here.stdout.count("child: 7\n") == len(names), "on this machine all end well", here)
    for via in ("patched", "trampoline"):
        there = run(root, "/bin/bash ./all", via)
        equal((there.returncode, there.stdout.splitlines(), there.stderr.splitlines()),
              (here.returncode, here.stdout.splitlines(), here.stderr.splitlines()), f"{via}: as on this machine")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-dynamic-") as folder:
        test_programs(pathlib.Path(folder) / "programs")
        test_clocks(pathlib.Path(folder) / "clocks")
    done()


main()
