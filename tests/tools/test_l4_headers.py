#!/usr/bin/env python3
"""The user's L4 headers: each alone and all together compile without a warning, in C and C++ and with
both compilers, and a C++ program finds its overloads."""
import pathlib
import subprocess
import sys
import tempfile

from tap_print import check, done

INCLUDE = pathlib.Path("libos/include")
WARN = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wpedantic", "-Werror"]
COMPILERS = (["gcc", "-std=c11", "-xc", "-Wstrict-prototypes"], ["clang", "-std=c11", "-xc"],
             ["g++", "-std=c++11", "-xc++"], ["clang++", "-std=c++17", "-xc++"])


def compile_program(compiler, headers):
    lines = [f"#include <{header}>\n" for header in headers]
    return subprocess.run([*compiler, *WARN, "-O2", f"-I{INCLUDE}", "-S", "-o", "/dev/null", "-"],
                          text=True, input="".join(lines) + "int main(void) { return 0; }\n",
                          capture_output=True, check=False)


def check_headers(headers, what):
    runs = [(compiler[0], compile_program(compiler, headers)) for compiler in COMPILERS]
    check(all(run.returncode == 0 for _, run in runs), f"{what} in C and C++",
          "\n".join(f"{name}: {run.stderr}" for name, run in runs if run.returncode))


every = [str(path.relative_to(INCLUDE)) for path in sorted(INCLUDE.glob("l4/*.h"))]
for name in every:
    check_headers([name], f"<{name}>")
check_headers(every, "all headers")
check_headers(every[::-1], "all headers, the last first,")

with tempfile.TemporaryDirectory() as folder:
    program = pathlib.Path(folder) / "l4_cxx"
    built = subprocess.run(["g++", "-std=c++11", *WARN, f"-I{INCLUDE}", "-fsanitize=undefined",
                            "tests/tools/l4_cxx.cc", "-o", program], capture_output=True,
                           text=True, check=False)
    if check(built.returncode == 0, "a C++ program with all headers", built.stderr):
        ran = subprocess.run([program], capture_output=True, text=True, check=False)
        for line in ran.stdout.splitlines():
            if " - " in line:
                check(line.startswith("ok"), line.split(" - ")[1], ran.stderr)
        check(ran.returncode == 0, "it ends well", ran.stdout + ran.stderr)
sys.stdout.flush()
done()
