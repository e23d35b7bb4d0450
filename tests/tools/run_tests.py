#!/usr/bin/env python3
"""Runs test programs of all kinds, says one line for each, and adds up their TAP.

usage: run_tests.py --logs DIR [--host PATH]... [--guest 'NAME [OPTION=VALUE]...']...
                    [--script PATH]... [--features] [--ways]

With --features the table of features (tests/features.def) must agree with what passed; with --ways a table is
printed of which program went which way (ways_table.py).
The output of each program is kept in DIR; shown are the lines that begin with `##`, and the end of a failed one's. The very last line
is `N passed, N failed`, with `, N skipped` when some were. Ends with 1 when anything failed.
"""
import argparse
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time

import check_features
import qemu_run
import tap
import ways_table

GUESTS_AT_ONCE = 2
HOST_TIMEOUT, SCRIPT_TIMEOUT = 120, 400  # seconds; only to notice a hang
MANY = 1000
TAIL = 40  # lines shown of a failed program
RUNNING = set()  # process groups of host and script tests, to end them on Ctrl-C
TOP = pathlib.Path(__file__).resolve().parent.parent.parent


def run_program(command, timeout, plans):
    """Runs a TAP-printing program of this machine."""
    paths = [str(TOP / "exo/tools"), str(TOP / "tests/tools")]
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", PYTHONPATH=os.pathsep.join(paths))
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "T"):
        env.pop(name, None)  # a test that calls make calls a fresh one
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=env, cwd=TOP, start_new_session=True)
    RUNNING.add(process.pid)
    late = False
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(process.pid, signal.SIGTERM)
        try:
            output, _ = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
    RUNNING.discard(process.pid)
    text = output.decode(errors="replace")
    verdict = tap.judge(text.splitlines(), plans)
    code = process.returncode
    if late:
        verdict.blame(f"still running after {timeout} s")
    elif code < 0:
        verdict.blame(f"killed by {signal.Signals(-code).name}")
    elif code and not verdict.failed:
        verdict.blame(f"every result is good, but the program ended with status {code}")
    return verdict, text


def run_host(path):
    return run_program([path], HOST_TIMEOUT, plans=MANY)


def run_script(path):
    command = [sys.executable, path] if path.endswith(".py") else ["sh", path]
    return run_program(command, SCRIPT_TIMEOUT, plans=1)


def run_guest(text):
    name, *words = text.split()
    return qemu_run.run(name, words)


def timed(run, argument):
    began = time.monotonic()
    try:
        verdict, text = run(argument)
    except Exception as problem:  # a broken runner must turn the whole run red, not end it
        verdict, text = tap.Verdict(), ""
        verdict.blame(f"could not be run: {problem!r}")
    return verdict, text, time.monotonic() - began


def report(kind, name, verdict, text, seconds, counter, logs):
    log = logs / kind / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    word = "FAIL" if verdict.failed else "ok" if verdict.passed else "skip"
    checks = verdict.passed + verdict.failed + verdict.skipped
    print(f"[{counter}] {word:4} {kind + '/' + name:32} {checks:4} checks {seconds:6.1f} s",
          flush=True)
    for line in text.splitlines():
        if line.startswith("## "):
            print("      " + line[3:])
    sys.stdout.flush()
    if not verdict.failed:
        return
    for complaint in verdict.wrong:
        print(f"      {complaint}")
    print(f"      the last lines of {log}:")
    for line in text.splitlines()[-TAIL:]:
        print(f"      | {line}")
    sys.stdout.flush()


def jobs_of(args):
    for path in args.host:
        yield "host", pathlib.Path(path).name.removeprefix("test_"), run_host, path
    for text in args.guest:
        words = text.split()
        yield "qemu", words[0] + "+checked" * ("kernel=checked" in words), run_guest, text
    for path in args.script:
        yield "system", pathlib.Path(path).stem, run_script, path


def run_all(jobs, logs):
    passed = failed = skipped = 0
    pool = concurrent.futures.ThreadPoolExecutor(GUESTS_AT_ONCE)
    waiting = {pool.submit(timed, run, argument): (kind, name)
               for kind, name, run, argument in jobs}
    width = len(str(len(jobs)))
    for count, done in enumerate(concurrent.futures.as_completed(waiting), 1):
        kind, name = waiting[done]
        verdict, text, seconds = done.result()
        report(kind, name, verdict, text, seconds, f"{count:{width}}/{len(jobs)}", logs)
        passed += verdict.passed
        failed += verdict.failed
        skipped += verdict.skipped
    pool.shutdown()
    return passed, failed, skipped


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("--logs", type=pathlib.Path, required=True)
    for kind in ("host", "guest", "script"):
        ap.add_argument(f"--{kind}", action="append", default=[])
    ap.add_argument("--features", action="store_true")
    ap.add_argument("--ways", action="store_true")
    args = ap.parse_args()

    jobs = list(jobs_of(args))
    if not jobs:
        print("no test has such a name")
    try:
        passed, failed, skipped = run_all(jobs, args.logs)
    except KeyboardInterrupt:
        for group in RUNNING:
            os.killpg(group, signal.SIGKILL)
        print("interrupted", flush=True)
        os._exit(130)  # QEMU dies with its parent; waiting for the other threads would take long
    if args.features:
        wrong, _ = check_features.complaints(args.guest, args.logs)
        print("\n".join(f"features: {line}" for line in wrong) or "features: all are shown")
        passed, failed = passed + (not wrong), failed + bool(wrong)
    if args.ways:
        print("\n".join(ways_table.lines(args.logs / kind / f"{name}.log" for kind, name, _, _ in jobs)))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.stdout.flush()
    sys.exit(bool(failed) or not jobs)


if __name__ == "__main__":
    main()
