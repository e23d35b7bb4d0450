#!/usr/bin/env python3
"""Conformance suites of others on exo4: each test ends as tests/suites/*.expected says, which gives a reason for
each that does not pass.

usage: test_suites.py [--all] [--linux] [PREFIX...]

Without --all a part of them is run. --linux runs them on this machine instead, where they should end
as the second column says, but for those that would change the machine.
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

from tap_print import check, done

PROGRAM = pathlib.Path("build/suites/posixtests")
EXPECTED = pathlib.Path("tests/suites/posixtests.expected")
REFUSED = pathlib.Path("build/suites/posixtests.d/refused")
TABLE = pathlib.Path("build/suites/posixtests.d/table.c")
LINE = re.compile(r"^([\w./-]+): (\w[\w ]*?)(?: -?\d+ ms)?$", re.M)
# What starts another program of the suite looks for it there.
STARTED = ("sigaltstack/9-buildonly",)
CHANGES_MACHINE = ("interfaces/clock_settime",)
# What spins on `pause` takes the emulated CPU very long where instructions are counted.
SPINS = ("interfaces/pthread_spin",)
# Without --all: what the kernel and the library OS do rather than the C library.
QUICK = ("interfaces/fork", "interfaces/mmap", "interfaces/mq", "interfaces/mun", "interfaces/sem", "interfaces/shm",
         "interfaces/sig", "interfaces/timer")


def expectations():
    """{name: (results on exo4, results on Linux, reason)} of all that does not pass on both."""
    rows = {}
    for number, line in enumerate(EXPECTED.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        words = line.split(maxsplit=3)
        if len(words) < 3 or (words[1] != words[2] and len(words) < 4):
            sys.exit(f"{EXPECTED}:{number}: want NAME EXO4 LINUX REASON")
        rows[words[0]] = (words[1].split("|"), words[2].split("|"), words[3] if len(words) > 3 else "")
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


def skipped(args):
    """Names that are left out of the main run."""
    prefixes = CHANGES_MACHINE if args.linux else SPINS
    return [name for name in all_names() if name.startswith(prefixes)]


def run(args, root, prefixes, icount):
    """One run of the driver, on exo4 or here."""
    words = ["-c", "-x", str(root / "etc/skipped") if args.linux else "/etc/skipped", *prefixes]
    command = [root / "bin/posixtests", *words] if args.linux else [
        sys.executable, "exo/tools/exec.py", "--root", root, "--icount", icount, "--timeout", "1500",
        "--cmd", " ".join(["/bin/posixtests", *words])]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          check=False, cwd=root if args.linux else None)


def run_all(args, root):
    """The main run, and one in real time for what spins."""
    (root / "etc/skipped").write_text("".join(f"{name}\n" for name in skipped(args)))
    ends = [run(args, root, args.prefixes or ([] if args.all or args.linux else QUICK), "1")]
    if args.all and not args.prefixes:
        (root / "etc/skipped").write_text("")
        ends.append(run(args, root, SPINS, "0"))
    return ends


def compare(ended, rows, column):
    """Names whose end is not the expected one, with what was expected."""
    for name, end in ended.items():
        want = rows[name][column] if name in rows else ["pass"]
        if end.replace(" ", "-") not in want:
            yield f"{name}: {end}, expected {' or '.join(want)}"
    for name in set(rows) - set(all_names()):
        yield f"{name}: is expected, but there is no such test"


def summary(ended, rows, column):
    print("#", ", ".join(f"{count} {word}" for word, count in collections.Counter(ended.values()).most_common()))
    reasons = collections.defaultdict(list)
    for name, end in ended.items():
        if end != "pass" and column == 0 and rows.get(name, (0, 0, ""))[2]:
            reasons[rows[name][2]].append(name.removeprefix("interfaces/"))
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"# {len(names):3} {reason}: {' '.join(names)}")
    same = sum(end != "pass" and not rows.get(name, (0, 0, "no"))[2] for name, end in ended.items())
    if column == 0:
        print(f"# {same} end on Linux as here; {len(REFUSED.read_text().splitlines())} cannot be built:")
        print("".join(f"#     {line}\n" for line in REFUSED.read_text().splitlines()), end="")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("prefixes", nargs="*")
    args = parser.parse_args()
    rows = expectations()
    with tempfile.TemporaryDirectory(prefix="exo4-suites-") as folder:
        root = pathlib.Path(folder)
        make_root(root)
        ends = run_all(args, root)
    output = "".join(end.stdout for end in ends)
    ended = {name: result for name, result in LINE.findall(output)}
    column = 1 if args.linux else 0
    chosen = tuple(args.prefixes) or ("",) if args.all or args.linux or args.prefixes else QUICK
    missing = [name for name in all_names() if name.startswith(chosen) and name not in ended
               and not (args.linux and name.startswith(CHANGES_MACHINE)) and not (not args.all and name.startswith(SPINS))]
    wrong = list(compare(ended, rows, column))
    check(all(end.returncode == 0 for end in ends), "the driver came to its end", ends[0].stderr[-2000:])
    check(not missing, "each test was run", "\n".join(missing))
    check(not wrong, "all pass but those in the list, which end as that says", "\n".join(wrong))
    summary(ended, rows, column)
    log = pathlib.Path(f"build/test/suites/posixtests.{'linux' if args.linux else 'exo4'}")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(output)
    done()


main()
