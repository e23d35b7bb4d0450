"""Reads TAP: what a test program printed, counted and judged."""
import dataclasses
import re

RESULT = re.compile(r"^(not )?ok\b ?(\d+)?\s*(?:- [^#]*)?(?:# (SKIP)\b.*)?", re.I)
PLAN = re.compile(r"^1\.\.(\d+)\s*(?:# (SKIP).*)?$", re.I)


@dataclasses.dataclass
class Verdict:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    wrong: list = dataclasses.field(default_factory=list)  # one sentence per complaint

    def blame(self, sentence):
        """A failure that is not a result of its own: a crash, a missing line, a wrong end."""
        self.failed += 1
        self.wrong.append(sentence)


def judge(lines, plans=1):
    """Judges TAP `lines`. A program may print up to `plans` plans, numbered each from 1."""
    verdict = Verdict()
    planned = made = number = seen_plans = 0
    for line in map(str.rstrip, lines):
        if m := PLAN.match(line):
            seen_plans += 1
            planned += int(m[1])
            number = 0
            if m[2]:
                verdict.skipped += 1
        elif (m := RESULT.match(line)) and (m[2] or seen_plans):
            made += 1
            number += 1
            if m[2] and int(m[2]) != number:
                verdict.blame(f"result {m[2]} where {number} was due")
            if m[3]:
                verdict.skipped += 1
            elif m[1]:
                verdict.failed += 1
                verdict.wrong.append(line)
            else:
                verdict.passed += 1
        elif line.startswith("Bail out!"):
            verdict.blame(line)
    if seen_plans == 0:
        verdict.blame("no plan: the test was never reached")
    elif seen_plans > plans:
        verdict.blame("a second plan: two programs printed TAP, or the guest started again")
    elif made != planned:
        verdict.blame(f"{made} of {planned} results")
    return verdict
