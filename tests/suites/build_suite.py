#!/usr/bin/env python3
"""Makes one program of a folder of tests, each of which has a main of its own.

usage: build_suite.py --source DIR --objects DIR --cc 'CC FLAGS' --libc FILE --archive FILE
                      PATTERN...

Each test becomes an object in which only its renamed main can be seen, and all become one archive with the table of
tests/suites/suite.h. Those that do not compile, or ask for what the C library does not have, are listed in DIR/refused, with the reason.
"""
import argparse
import concurrent.futures
import pathlib
import re
import shlex
import subprocess
import sys

TABLE = """/* Made by build_suite.py: every test that was compiled. */
#include "tests/suites/suite.h"
{declared}
const struct suite_test suite_tests[] = {{
{rows}    {{0, 0}},
}};
"""


def symbol_of(name):
    return "suite_" + re.sub(r"\W", "_", name)


def compile_test(path, source, objects, command):
    """None, or why there is no such test."""
    name = path.relative_to(source).with_suffix("").as_posix()
    symbol = symbol_of(name)
    made = objects / f"{symbol}.o"
    done = subprocess.run([*command, f"-Dmain={symbol}", f"-I{path.parent}", "-c", path, "-o", made],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        first = re.search(r"error: (.*)", done.stderr)
        return name, first.group(1) if first else done.stderr.strip()
    subprocess.run(["objcopy", f"--keep-global-symbol={symbol}", made], check=True)
    return name, None


def nm(*arguments):
    """Yields (file, symbol) of what nm says."""
    listed = subprocess.run(["nm", "-A", *arguments], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        words = line.split()
        if len(words) > 1:
            yield line.split(":")[0], words[-1]


def unlinkable(objects, names, libc):
    """Tests without a main, or with a function that the C library does not have: name and reason."""
    there = {symbol for _, symbol in nm("--defined-only", "-g", libc)}
    there |= {"_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
    files = {name: str(objects / f"{symbol_of(name)}.o") for name in names}
    mains = {symbol for _, symbol in nm("--defined-only", "-g", *files.values())}
    lacking = {}
    for path, symbol in nm("-u", *files.values()):
        if symbol not in there:
            lacking.setdefault(path, symbol)
    for name, path in files.items():
        if symbol_of(name) not in mains:
            yield name, "has no main"
        elif path in lacking:
            yield name, f"the C library has no {lacking[path]}"


def main():
    parser = argparse.ArgumentParser()
    for option in ("--source", "--objects", "--archive", "--libc"):
        parser.add_argument(option, type=pathlib.Path, required=True)
    parser.add_argument("--cc", required=True)
    parser.add_argument("patterns", nargs="+")
    args = parser.parse_args()
    args.objects.mkdir(parents=True, exist_ok=True)
    paths = sorted({path for pattern in args.patterns for path in args.source.glob(pattern)})
    command = shlex.split(args.cc)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda path: compile_test(path, args.source, args.objects, command), paths))
    refused = {name: why for name, why in results if why}
    refused.update(unlinkable(args.objects, [name for name, why in results if not why], args.libc))
    names = [name for name, _ in results if name not in refused]
    (args.objects / "refused").write_text("".join(f"{name}: {why}\n" for name, why in sorted(refused.items())))
    if not names:
        sys.exit(f"{sys.argv[0]}: no test could be compiled")
    table = args.objects / "table.c"
    table.write_text(TABLE.format(
        declared="".join(f"int {symbol_of(name)}(int, char **);\n" for name in names),
        rows="".join(f'    {{"{name}", {symbol_of(name)}}},\n' for name in names)))
    subprocess.run([*command, "-c", table, "-o", args.objects / "table.o"], check=True)
    args.archive.unlink(missing_ok=True)
    members = [args.objects / "table.o"] + [args.objects / f"{symbol_of(name)}.o" for name in names]
    subprocess.run(["ar", "rcsD", args.archive, *members], check=True)


main()
