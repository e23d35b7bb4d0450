#!/usr/bin/env python3
"""Holds tests/features.def: the tests that it names are there, on one CPU and on two, and passed.

usage: check_features.py --guest 'NAME [OPTION=VALUE]...'...

--guest is given for each boot of a guest test, as to run_tests.py. By itself it looks for the
results in the sources of the tests; run_tests.py --features among those that were printed.
"""
import argparse
import pathlib
import re
import sys

ROW = re.compile(r"^(FEATURE|ON_ONE|MISSING)\(((?:\s*\"[^\"]*\",?)+)\)", re.M)
TEXT = re.compile(r"\"([^\"]*)\"")
TABLE = pathlib.Path("tests/features.def")


def rows(text):
    for kind, body in ROW.findall(text):
        what, *rest = TEXT.findall(body)
        yield kind, what, rest[:-1] if kind in ("ON_ONE", "MISSING") else rest


def boots_of(guests):
    """{test: [(name of its log, CPUs)]}"""
    found = {}
    for name, *words in (guest.split() for guest in guests):
        options = dict(word.split("=", 1) for word in words)
        log = name + "+checked" * (options.get("kernel") == "checked")
        found.setdefault(name, []).append((log, int(options.get("smp", 1))))
    return found


def in_sources(test, result):
    kind, _, name = test.rpartition("/")
    if kind == "host":
        return re.search(rf"\b{result}\b", pathlib.Path(f"tests/host/test_{name}.c").read_text())
    base = name.removesuffix("_smp")
    text = "".join(p.read_text() for p in pathlib.Path("tests/qemu").glob(f"{base}*.c"))
    return f'"{result}"' in re.sub(r'"\s*\n\s*"', "", text)


def in_log(logs, kind, log, result):
    """True, too, when the whole test was skipped: its log says why."""
    path = logs / kind / (log + ".log")
    text = path.read_text() if path.exists() else ""
    return text.startswith("1..0 # SKIP") or \
        re.search(rf"^ok \d+ - {re.escape(result)}$", text, re.M)


def cpus_shown(evidence, boots, logs):
    """CPUs on which a piece of evidence is shown; raises LookupError with what is wrong."""
    test, _, result = evidence.partition(": ")
    if test.startswith("host/"):
        if not in_sources(test, result) or \
                logs and not in_log(logs, "host", test.removeprefix("host/"), result):
            raise LookupError(f"no such result: {evidence}")
        return {2 if test == "host/smp" else 1}
    if test not in boots:
        raise LookupError(f"no such test: {evidence}")
    if not logs and not in_sources(test, result):
        raise LookupError(f"no such result: {evidence}")
    for log, _ in boots[test]:
        if logs and not in_log(logs, "qemu", log, result):
            raise LookupError(f"{log} did not print: {result}")
    return {min(cpus, 2) for _, cpus in boots[test]}


def complaints(guests, logs):
    """What is wrong with the table; and its rows by kind."""
    boots, wrong, counts = boots_of(guests), [], {}
    text = TABLE.read_text()
    if len(list(rows(text))) != len(re.findall(r"^[A-Z_]+\(", text, re.M)):
        wrong.append(f"{TABLE}: a row that cannot be read")
    for kind, what, evidence in rows(text):
        counts[kind] = counts.get(kind, 0) + 1
        cpus = set()
        for piece in evidence:
            try:
                cpus |= cpus_shown(piece, boots, logs)
            except LookupError as problem:
                wrong.append(f"{what}: {problem}")
        if not {"FEATURE": {1, 2}, "ON_ONE": {1}, "MISSING": set()}[kind] <= cpus:
            wrong.append(f"{what}: shown on {len(cpus)} of one and two CPUs")
    return wrong, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--guest", action="append", default=[])
    wrong, counts = complaints(parser.parse_args().guest, None)
    print("\n".join(wrong) or "features: {FEATURE} shown on one CPU and on two, {ON_ONE} on one, "
          "{MISSING} missing".format(**counts))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
