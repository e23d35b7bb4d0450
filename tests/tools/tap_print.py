"""Prints TAP from a Python test: each `check` is one result, `done` the plan and the status."""
import sys

_made = _bad = 0


def check(good, what, details=""):
    """One result; `details` are shown when it is bad."""
    global _made, _bad
    _made += 1
    _bad += not good
    print(f"{'ok' if good else 'not ok'} {_made} - {what}")
    if not good:
        for line in str(details).splitlines():
            print(f"# {line}")
    sys.stdout.flush()
    return good


def equal(got, want, what):
    return check(got == want, what, f"got  {got!r}\nwant {want!r}")


def done():
    print(f"1..{_made}")
    sys.exit(bool(_bad))
