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

JOBS, AT_ONCE = 2, 60
TABLE = """/* Made by build_suite.py: every test that was compiled. */
#include "tests/suites/suite.h"
{declared}
const struct suite_test suite_tests[] = {{
{rows}    {{0, 0}},
}};
"""


def symbol_of(name):
    return "suite_" + re.sub(r"\W", "_", name)


def refusal(wrapper, command):
    """Why a test cannot be compiled."""
    done = subprocess.run([*command, "-fsyntax-only", wrapper.name], capture_output=True, text=True, check=False,
                          cwd=wrapper.parent)
    first = re.search(r"error: (.*)", done.stderr)
    return first.group(1) if first else done.stderr.strip()


def compile_tests(paths, source, objects, command):
    """{name: why not} of those that cannot be compiled. A compiler at a time takes many: starting it costs more
    than what it compiles."""
    wrappers = {}
    for path in paths:
        name = path.relative_to(source).with_suffix("").as_posix()
        wrapper = objects / f"{symbol_of(name)}.c"
        wrapper.write_text(f'#define main {symbol_of(name)}\n#include "{path.resolve()}"\n')
        wrapper.with_suffix(".o").unlink(missing_ok=True)
        wrappers[name] = wrapper
    for first in range(0, len(wrappers), AT_ONCE):
        files = [wrapper.name for wrapper in list(wrappers.values())[first:first + AT_ONCE]]
        subprocess.run([*command, "-c", *files], cwd=objects, stderr=subprocess.DEVNULL, check=False)
    return {name: refusal(wrapper, command) for name, wrapper in wrappers.items()
            if not wrapper.with_suffix(".o").exists()}


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
    per_job = -(-len(paths) // JOBS)
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        parts = pool.map(lambda start: compile_tests(paths[start:start + per_job], args.source, args.objects, command),
                         range(0, len(paths), per_job))
        refused = {name: why for part in parts for name, why in part.items()}
    names = [path.relative_to(args.source).with_suffix("").as_posix() for path in paths]
    refused.update(unlinkable(args.objects, [name for name in names if name not in refused], args.libc))
    names = [name for name in names if name not in refused]
    (args.objects / "refused").write_text("".join(f"{name}: {why}\n" for name, why in sorted(refused.items())))
    if not names:
        sys.exit(f"{sys.argv[0]}: no test could be compiled")
    table = args.objects / "table.c"
    table.write_text(TABLE.format(
        declared="".join(f"int {symbol_of(name)}(int, char **);\n" for name in names),
        rows="".join(f'    {{"{name}", {symbol_of(name)}}},\n' for name in names)))
    subprocess.run([*command, "-c", table.name], check=True, cwd=args.objects)
    args.archive.unlink(missing_ok=True)
    members = [args.objects / "table.o"] + [args.objects / f"{symbol_of(name)}.o" for name in names]
    subprocess.run(["ar", "rcsD", args.archive, *members], check=True)
    subprocess.run(["objcopy", "--wildcard", "--keep-global-symbol=suite_*", args.archive], check=True)


main()
