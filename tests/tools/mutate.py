#!/usr/bin/env python3
"""Deletes one check of the kernel at a time, and lists those that no host test misses.

    tests/tools/mutate.py [--jobs N] [--skip TEST] [--only TEST] FILE.c ...

Each condition of an `if`, and each operand of && and || in conditions, returned values and
variables of type bool, is a site. All mutants are in one build: an operand x becomes
`(mutant(N) ? 0 : (x))`, or 1 where it stands beside an &&, and the environment variable MUTANT
chooses. A run without MUTANT tells which tests reach which sites; each mutant then runs these tests
until one fails, crashes or hangs. What is printed last are the survivors: a missing test, a
check that something else makes needless, or a condition that only saves time.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

OUT = pathlib.Path("build/mutate")
FLAGS = ["-std=c11", "-w", "-g", "-O1", "-DCHECKED", "-D_GNU_SOURCE",
         "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-I.", "-Iexo/arch/host"]
WRAP = ["-Wl,--wrap=frame_take", "-Wl,--wrap=frame_give", "-Wl,--wrap=frame_unbound"]
SWITCH = r"""/* Which mutant this process is, and which sites it came by. */
#include <stdio.h>
#include <stdlib.h>
static int chosen = -1;
static unsigned char seen[SITES];
static void tell(void)
{
    FILE *f = fopen(getenv("MUTANT_SEEN"), "w");
    fwrite(seen, 1, sizeof seen, f);
    fclose(f);
}
__attribute__((constructor)) static void begin(void)
{
    if (getenv("MUTANT")) chosen = atoi(getenv("MUTANT"));
    if (getenv("MUTANT_SEEN")) atexit(tell);
}
int mutant(int n) { seen[n] = 1; return n == chosen; }
"""
HEADS = re.compile(r"\bif \(|\breturn |\bbool \w+ = ")


def blanked(text):
    """The text with comments, strings and directives blanked, so that positions stay."""
    pattern = r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])'|^#(?:[^\n]*\\\n)*[^\n]*"
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S | re.M)


def end_of(text, start, stops):
    """Where the expression from `start` on ends: at one of `stops` outside of brackets."""
    depth = 0
    for at in range(start, len(text)):
        if depth == 0 and text[at] in stops:
            return at
        depth += (text[at] in "([{") - (text[at] in ")]}")
    raise ValueError("an expression without end")


def parts_of(text, start, end, operator):
    """The operands of `operator` between `start` and `end`, outside of brackets and of ?:."""
    depth, begin, found = 0, start, []
    for at in range(start, end):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0 and text[at] in "?":
            return [(start, end)]
        if depth == 0 and text.startswith(operator, at):
            found.append((begin, at))
            begin = at + 2
    return found + [(begin, end)]


class Mutator:
    """Rewrites one file; `sites` collects (file, line, value, text)."""

    def __init__(self, name, sites):
        self.name, self.sites = name, sites
        self.text = pathlib.Path(name).read_text()
        self.code = blanked(self.text)

    def site(self, start, end, value, inner):
        number = len(self.sites)
        line = self.text.count("\n", 0, start + len(self.text[start:end])
                               - len(self.text[start:end].lstrip())) + 1
        self.sites.append((self.name, line, value, " ".join(self.text[start:end].split())))
        return f"(mutant({number}) ? {value} : ({inner}))"

    def expression(self, start, end):
        """The text between, with each operand inside it a site."""
        for operator, value in (("||", 0), ("&&", 1)):
            parts = parts_of(self.code, start, end, operator)
            if len(parts) > 1:
                return f" {operator} ".join(self.site(s, e, value, self.expression(s, e))
                                            for s, e in parts)
        inner = self.code[start:end].strip()
        begin = self.code.index(inner, start) if inner else start
        if inner.startswith("(") and end_of(self.code, begin + 1, ")") == begin + len(inner) - 1:
            return "(" + self.expression(begin + 1, begin + len(inner) - 1) + ")"
        return self.text[start:end]

    def mutated(self):
        out, at = [f'#line 1 "{self.name}"\nint mutant(int);\n#line 1\n'], 0
        for head in HEADS.finditer(self.code):
            start = head.end()
            if start < at:
                continue
            end = end_of(self.code, start, ")" if head[0].startswith("if") else ";,")
            new = self.expression(start, end)
            if head[0].startswith("if"):
                new = self.site(start, end, 0, new)
            lines = self.text.count("\n", start, end) - new.count("\n")
            out += [self.text[at:start], new, "\n" * lines]
            at = end
        return "".join(out) + self.text[at:]


def asked(expression):
    """What make says that a variable or expression is."""
    done = subprocess.run(["make", "-s", "--eval", f"asked:;@echo '$({expression})'", "asked"],
                          capture_output=True, text=True, check=True)
    return done.stdout.split()


def compiled(job):
    source, target = job
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", *FLAGS, "-c", source, "-o", target], check=True)


def build(files, jobs, only):
    """Makes the tests with all mutants; returns (sites, tests)."""
    sites, tests, work = [], {}, {}
    for name in files:
        new = OUT / "src" / name
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(Mutator(name, sites).mutated())
    (OUT / "switch.c").write_text(SWITCH.replace("SITES", str(len(sites))))
    kernel, of_kernel = asked("HOST_KERNEL"), set(asked("KERNEL_TESTS"))
    for test in only or asked("HOST_TESTS"):
        needs = kernel if test in of_kernel else asked(f"{test}-needs") + ["tests/host/fakes/panic.c"]
        needs = [n for n in needs if n.endswith(".c")]  # others are made, and read by the test
        if set(needs) & set(files):
            tests[test] = needs + [f"tests/host/test_{test}.c"]
    for source in {s for needs in tests.values() for s in needs}:
        work[source] = (OUT / "src" / source if source in files else source,
                        OUT / "obj" / (source + ".o"))
    work["switch"] = (OUT / "switch.c", OUT / "switch.o")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(compiled, work.values()))
        list(pool.map(lambda t: subprocess.run(
            ["gcc", *FLAGS, *(WRAP if t in of_kernel else []), *(work[s][1] for s in tests[t]),
             work["switch"][1], "-lcmocka", "-o", OUT / t], check=True), tests))
    return sites, list(tests)


def passes(test, **variables):
    try:
        done = subprocess.run([OUT / test], env={**os.environ, **variables}, timeout=60,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def reached_by(tests):
    """{site: tests that come by it}, the quickest test first."""
    found = {}
    for test in sorted(tests, key=lambda t: t == "random"):
        seen = OUT / (test + ".seen")
        if not passes(test, MUTANT_SEEN=str(seen)):
            sys.exit(f"{test} fails without a mutant")
        for number in (n for n, b in enumerate(seen.read_bytes()) if b):
            found.setdefault(number, []).append(test)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--skip", action="append", default=[], help="a test that is not run")
    parser.add_argument("--only", action="append", help="a test that is run, and no other")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    sites, tests = build(options.files, options.jobs, options.only)
    reached = reached_by(t for t in tests if t not in options.skip)

    def survives(number):
        return all(passes(t, MUTANT=str(number)) for t in reached.get(number, []))

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        alive = list(pool.map(survives, range(len(sites))))
    for number, (name, line, value, text) in enumerate(sites):
        if alive[number]:
            how = "survives" if number in reached else "is not reached"
            print(f"{name}:{line}: {how} as {value}: {text}")
    print(f"{len(sites)} mutants, {sum(alive)} survive")
    sys.exit(any(alive))


if __name__ == "__main__":
    main()
