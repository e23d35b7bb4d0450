"""How large is what a graft has to get past? Counts the checker's lines of C, `make check`.

Lines are those that are neither blank nor comment. The files are all that the kernel needs to verify a
graft: no loader, interpreter, compiler or prover, and not the concrete arithmetic that those share.
"""
import glob
import re
import sys

AIM = 2000
LIMIT = 2000

NAMES = ["bits", "domain", "refine", "state", "proof", "hook", "insn"]


def lines(path):
    with open(path) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    return sum(1 for line in text.split("\n") if line.strip())


def main():
    paths = [f"grafts/{n}.c" for n in NAMES] + sorted(glob.glob("grafts/checker*.c"))
    count = sum(lines(p) for p in paths)
    print(f"checker of grafts: {count} lines of C (aim: {AIM})")
    if count > LIMIT:
        print(f"checker of grafts: more than {LIMIT} lines")
        return 1
    return 0


sys.exit(main())
