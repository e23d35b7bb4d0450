#!/usr/bin/env python3
"""Conformance suites of others on exo4: each test ends as tests/suites/*.expected says, which gives a reason for
each that does not pass.

usage: test_suites.py [--linux] [PREFIX...]

--linux runs them on this machine instead, where they should end as the second column says, but for those that would
change the machine. Lines that begin with `##` are what `make test` shows of it.
"""
import argparse
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

from tap_print import check, done

PROGRAM = pathlib.Path("build/suites/posixtests")
EXPECTED = pathlib.Path("tests/suites/posixtests.expected")
REFUSED = pathlib.Path("build/suites/posixtests.d/refused")
TABLE = pathlib.Path("build/suites/posixtests.d/table.c")
LINE = re.compile(r"^([\w./-]+): (\w[\w ]*?) (-?\d+) ms$", re.M)
# What starts another program of the suite looks for it there.
STARTED = ("sigaltstack/9-buildonly",)
CHANGES_MACHINE = ("interfaces/clock_settime",)
# What computes for long: in real time, since counting instructions takes the emulator twice as long.
COMPUTES = ("interfaces/clock/1-1", "interfaces/clock_getcpuclockid/1-1", "interfaces/clock_gettime/4-1",
            "interfaces/mmap/10-1", "interfaces/pthread_cond_timedwait/2-5",
            "interfaces/pthread_cond_timedwait/4-2")
# What makes threads until it cannot, and waits for all of them many times: in real time, with memory for some tens.
MANY_THREADS = ("interfaces/pthread_cond_broadcast/1-2", "interfaces/pthread_cond_broadcast/2-3",
                "interfaces/pthread_cond_signal/1-2")
MIB_FOR_THREADS = "12"  # a stack has 8 of them
# The others sleep, or spin for a second: instructions are counted, and are slow, so that neither takes long.
SLOW = "64"
AGAIN_MOST = 4
WRAPPED_MS = 1 << 40  # no test runs so long: what was counted twice is taken off an unsigned number
TEXT_WIDTH = 112


def expectations():
    """{name: (results on exo4, results on Linux, reason)} of all that does not pass on both."""
    rows = {}
    for number, line in enumerate(EXPECTED.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        words = line.split(maxsplit=3)
        if len(words) < 4:
            sys.exit(f"{EXPECTED}:{number}: want NAME EXO4 LINUX REASON")
        rows[words[0]] = (words[1].split("|"), words[2].split("|"), words[3])
    return rows


def make_root(root):
    root.chmod(0o755)  # others than the superuser go through it, too
    for folder in ("bin", "tmp", "etc", "conformance"):
        (root / folder).mkdir()
    shutil.copy(PROGRAM, root / "bin/posixtests")
    busybox = pathlib.Path("/bin/busybox")
    for name in ("ls", "sleep"):
        if busybox.exists():
            shutil.copy(busybox, root / "bin" / name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    for name in STARTED:
        path = root / f"conformance/interfaces/{name}.test"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(root / "bin/posixtests", path)


def all_names():
    return re.findall(r'\{"([\w./-]+)",', TABLE.read_text())


def is_left_out(args, name):
    return (args.linux and name.startswith(CHANGES_MACHINE)) or not name.startswith(tuple(args.prefixes) or "")


def run(args, root, names, icount, *options):
    """One run of the driver with some of the tests, on exo4 or here."""
    (root / "etc/skipped").write_text("".join(f"{name}\n" for name in all_names() if name not in names))
    words = ["-c", *options, "-x", root / "etc/skipped" if args.linux else "/etc/skipped"]
    command = [root / "bin/posixtests", *words] if args.linux else [
        sys.executable, "exo/tools/exec.py", "--root", root, "--icount", icount, "--timeout", "350",
        "--cmd", " ".join(["/bin/posixtests", *words])]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          check=False, cwd=root if args.linux else None)


def run_all(args, root, names):
    if args.linux:
        return [run(args, root, names, "")]
    groups = (({name for name in names if name not in (*COMPUTES, *MANY_THREADS)}, SLOW),
              ({*names} & {*COMPUTES}, "0"), ({*names} & {*MANY_THREADS}, "0", "-m", MIB_FOR_THREADS))
    return [run(args, root, *group) for group in groups if group[0]]


def is_expected(name, end, rows, column):
    """To pass without being expected to is not."""
    return end.replace(" ", "-") in (rows[name][column] if name in rows else ["pass"])


def compare(ended, rows, column):
    """Names whose end is not the expected one, with what was expected."""
    for name, end in ended.items():
        if not is_expected(name, end, rows, column):
            yield f"{name}: {end}, expected {' or '.join(rows[name][column] if name in rows else ['pass'])}"
    for name in set(rows) - set(all_names()):
        yield f"{name}: is expected, but there is no such test"


def run_again(args, root, ended, rows, column):
    """Few tests that ended otherwise than expected once more, since some have races of their own; says which did so
    once only."""
    names = {name for name, end in ended.items() if not is_expected(name, end, rows, column)}
    if not names or len(names) > AGAIN_MOST or args.linux:
        return
    for name, end, _ in LINE.findall("".join(done.stdout for done in run_all(args, root, names))):
        if is_expected(name, end, rows, column):
            show(f"{name}: {ended[name]} at first, {end} when it was run again", "")
            ended[name] = end


def show(text, indent):
    print(textwrap.fill(text, TEXT_WIDTH, initial_indent="## " + indent, subsequent_indent="##   " + indent,
                        break_on_hyphens=False))


def together(names):
    """Names of tests, those of a folder in brackets."""
    folders = collections.defaultdict(list)
    for name in sorted(names):
        folder, _, test = name.removeprefix("interfaces/").rpartition("/")
        folders[folder].append(test)
    return " ".join(f"{folder}/({' '.join(tests)})" if len(tests) > 1 else f"{folder}/{tests[0]}"
                    for folder, tests in folders.items())


def summary(ended, rows, column):
    """Counts, and by reason all that did not pass."""
    refused = REFUSED.read_text().splitlines()
    words = collections.Counter(ended.values())
    other = sum("pass" in rows[name][1 - column] if name in rows else True for name in ended)
    show(f"Open POSIX: {len(all_names())} tests are built, {len(refused)} cannot be; {len(ended)} were run: "
         + ", ".join(f"{count} {word}" for word, count in words.most_common()) + "; "
         + ("expected on exo4" if column else "on Linux, as recorded") + f": {other} pass", "")
    groups = {"here otherwise than on Linux": {}, "as on Linux": {}}
    for name, end in ended.items():
        if end != "pass" and name in rows and not column:
            same = set(rows[name][0]) == set(rows[name][1])
            groups["as on Linux" if same else "here otherwise than on Linux"].setdefault(
                (end, rows[name][2]), []).append(name)
    for title, reasons in groups.items():
        show(f"{sum(map(len, reasons.values()))} do not pass, {title}:", "  ")
        for (end, why), names in sorted(reasons.items(), key=lambda item: -len(item[1])):
            show(f"{len(names)} {end}, {why}: {together(names)}", "    ")
    show(f"{len(refused)} cannot be built:", "  ")
    for line in refused:
        show(line, "    ")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("prefixes", nargs="*")
    args = parser.parse_args()
    rows, column = expectations(), int(args.linux)
    names = [name for name in all_names() if not is_left_out(args, name)]
    with tempfile.TemporaryDirectory(prefix="exo4-suites-") as folder:
        root = pathlib.Path(folder)
        make_root(root)
        ends = run_all(args, root, names)
        output = "".join(end.stdout for end in ends)
        ended = {name: result for name, result, _ in LINE.findall(output)}
        run_again(args, root, ended, rows, column)
    wrong = list(compare(ended, rows, column))
    check(all(end.returncode == 0 for end in ends), "the driver came to its end",
          "".join(end.stderr[-2000:] for end in ends))
    check(ended.keys() == set(names), "each test was run", "\n".join(set(names) - ended.keys()))
    check(not wrong, "all pass but those in the list, which end as that says", "\n".join(wrong))
    long = [f"{name}: {ms} ms" for name, _, ms in LINE.findall(output) if not 0 <= int(ms) < WRAPPED_MS]
    check(not long, "no test used less processor time than none", "\n".join(long))
    summary(ended, rows, column)
    log = pathlib.Path(f"build/test/suites/posixtests.{'linux' if args.linux else 'exo4'}")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(output)
    done()


main()
