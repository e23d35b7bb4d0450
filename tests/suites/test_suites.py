#!/usr/bin/env python3
"""Conformance suites of others on exo4: each test ends as tests/suites/*.expected says, which gives a reason for
each that does not pass.

usage: test_suites.py [--all] [--linux] [PREFIX...]

Without --all those that take long are left out. --linux runs them on this machine instead, where they should end
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
LINE = re.compile(r"^([\w./-]+): (\w[\w ]*?)(?: (\d+) ms)?$", re.M)
# What starts another program of the suite looks for it there.
STARTED = ("sigaltstack/9-buildonly",)
CHANGES_MACHINE = ("interfaces/clock_settime",)


def expectations():
    """{name: (results on exo4, results on Linux, reason)} and the names that take long."""
    rows, slow = {}, set()
    for number, line in enumerate(EXPECTED.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        words = line.split(maxsplit=3)
        if len(words) < 3 or (words[1] != words[2] and len(words) < 4):
            sys.exit(f"{EXPECTED}:{number}: want NAME EXO4 LINUX REASON")
        name = words[0].removeprefix("slow:")
        if words[0] != name:
            slow.add(name)
        rows[name] = (words[1].split("|"), words[2].split("|"), words[3] if len(words) > 3 else "")
    return rows, slow


def make_root(root):
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


def command_of(args, root, slow):
    skipped = [] if args.all else sorted(slow)
    if args.linux:
        names = re.findall(rb"(?:interfaces|behavior)/[\w/-]+", PROGRAM.read_bytes())
        skipped += sorted({name.decode() for name in names if name.decode().startswith(CHANGES_MACHINE)})
    (root / "etc/skipped").write_text("".join(f"{name}\n" for name in skipped))
    options = ["-c", "-x", str(root / "etc/skipped") if args.linux else "/etc/skipped", *args.prefixes]
    if args.linux:
        return [root / "bin/posixtests", *options]
    return [sys.executable, "exo/tools/exec.py", "--root", root, "--icount", "1", "--timeout", "1500",
            "--cmd", " ".join(["/bin/posixtests", *options])]


def compare(ended, rows, column, chosen):
    """Names whose end is not the expected one, with what was expected."""
    for name, end in ended.items():
        want = rows[name][column] if name in rows else ["pass"]
        if end.replace(" ", "-") not in want:
            yield f"{name}: {end}, expected {' or '.join(want)}"
    for name in rows:
        if name not in ended and chosen(name):
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
    rows, slow = expectations()
    with tempfile.TemporaryDirectory(prefix="exo4-suites-") as folder:
        root = pathlib.Path(folder)
        make_root(root)
        end = subprocess.run(command_of(args, root, slow), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             errors="replace", check=False, cwd=root if args.linux else None)
    ended = {name: result for name, result, _ in LINE.findall(end.stdout)}
    column = 1 if args.linux else 0
    wrong = list(compare(ended, rows, column, lambda name: (args.all or name not in slow) and not args.prefixes
                         and not (args.linux and name.startswith(CHANGES_MACHINE))))
    check(end.returncode == 0, "the driver came to its end", end.stderr[-2000:] + end.stdout[-500:])
    check(len(ended) > 1000 or args.prefixes, "there are as many tests as the suite has", len(ended))
    check(not wrong, f"{sum(result == 'pass' for result in ended.values())} of {len(ended)} tests pass, and "
          "others end as expected", "\n".join(wrong))
    summary(ended, rows, column)
    log = pathlib.Path(f"build/test/suites/posixtests.{'linux' if args.linux else 'exo4'}")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(end.stdout)
    done()


main()
