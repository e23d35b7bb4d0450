"""Which program went which way: a table out of the lines that beside_linux.went and not_by left in tests' logs."""
import pathlib
import re

import beside_linux

CELL = re.compile(r"^# way (\S+): (pass|FAIL|not applicable)(?: \((.*)\))?(?:: (.*))?$", re.M)


def cell(found):
    """`found`: (outcome, part, why) of all that went one way. One failure is the whole one's."""
    outcomes = {outcome for outcome, _, _ in found}
    if not found:
        return "not run"
    if "FAIL" in outcomes:
        return "FAIL"
    if outcomes == {"not applicable"}:
        return "not applicable: " + found[0][2]
    part = found[0][1]
    return f"pass ({part})" if part else "pass"


def rows(logs):
    for log in sorted(logs):
        found = CELL.findall(log.read_text()) if log.exists() else []
        if found:
            yield [pathlib.Path(log).stem.removeprefix("test_"),
                   *(cell([rest for name, *rest in found if name == way]) for way in beside_linux.WAYS)]


def lines(logs):
    """The table as Markdown; nothing when no log has a cell."""
    table = list(rows(logs))
    if not table:
        return
    yield "| program | " + " | ".join(f"`{way}`" for way in beside_linux.WAYS) + " |"
    yield "|---" * (1 + len(beside_linux.WAYS)) + "|"
    for row in table:
        yield "| " + " | ".join(row) + " |"
