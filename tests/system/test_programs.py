#!/usr/bin/env python3
"""Other people's programs, built with the SDK: dash, Lua and tcc, the same on exo4 as here, in the ways
that they can run by."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tap_print import done, equal

PORTED = pathlib.Path("build/ported")
TCC_HEADERS = PORTED / "tcc.d/include"
MUSL_HEADERS = pathlib.Path("build/sdk/lib/exo4/musl/include")
INPUT = b"first\n 42 rest\nof it"
FILES = {
    "shell": r"""
f() { if [ $1 -gt 1 ]; then echo $(( $1 * $(f $(( $1 - 1 ))) )); else echo 1; fi; }
f 6; (exit 3); echo "status $?"
x="a b  c"; set -- $x; echo $# "${x#a }" "${x%%b*}" "${none:-default}"
cat() { while read -r line; do echo "[$line]"; done; }
cat <<END
here $x $((7 % 4))
END
printf '%s\n' pear fig apple | bin/busybox sort | while read -r w; do printf '%-6s|' "$w"; done; echo
for n in *.lua; do case $n in pro*) echo "no $n";; *) echo "$n";; esac; done
trap 'echo bye; exit 9' EXIT; trap 'echo usr1' USR1; kill -USR1 $$
bin/busybox sleep 100 & kill $!; wait $!; echo "ended $?"
echo out > f; echo more >> f; exec 3< f; read -r a <&3; read -r b <&3; echo "$a $b"; cd /none || umask
""",
    "builtin": r"""
i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done; echo $i $((0x1f << 3)) "${#0}"
read -r a; read -r b c; echo "$a/$b/$c"; echo kept > g; read -r d < g; echo "$d"; nothere; exit 11
""",
    "plain.lua": r"""
local parts = {}
for word in ("the quick brown fox"):gmatch("%a+") do parts[#parts + 1] = word:upper():reverse() end
table.sort(parts)
print(table.concat(parts, " "), 7 // 2, 2 ^ 0.5, 1 << 40, math.maxinteger)
local function squares(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i * i) end end) end
local sum = 0
for v in squares(5000) do sum = sum + v end
print(sum, select("#", pcall(error, {})), string.pack("<i4d", 77, 1.5):byte(1, -1))
local f = assert(io.open("made.txt", "w"))
for i = 1, 3000 do f:write(i, "\t", string.format("%8.3f", math.sin(i)), "\n") end
f:close()
local lines, bytes = 0, 0
for line in io.lines("made.txt") do lines, bytes = lines + 1, bytes + #line end
print(lines, bytes, os.rename("made.txt", "moved.txt"), io.open("made.txt"))
print(os.remove("moved.txt"), os.time({year = 2020, month = 2, day = 29, hour = 12}))
local kept = {}
for i = 1, 100000 do kept[i % 997] = {i, tostring(i)} end
collectgarbage()
print(#kept, kept[5][2], load("return ...", "chunk")(9))
print(io.read("l"), io.read("n"), io.read("a"))
io.stderr:write("to standard error\n")
os.exit(6)
""",
    "children.lua": r"""
local p = io.popen("bin/busybox seq 3 | bin/busybox tac")
print(p:read("a"), p:close())
print(os.execute("exit 4"))
print(os.execute("kill -9 $$"))
""",
    "prog.c": r"""
static long call(long n, long a, long b, long c)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
static int digits(char *to, unsigned long n)
{
    int length = n < 10 ? 0 : digits(to, n / 10);
    to[length] = '0' + n % 10;
    return length + 1;
}
void _start(void)
{
    static char sieve[20000], text[32];
    unsigned long primes = 0, sum = 0;
    for (int i = 2; i < 20000; i++)
        if (!sieve[i]) {
            primes++, sum += i;
            for (int j = 2 * i; j < 20000; j += i)
                sieve[j] = 1;
        }
    int n = digits(text, sum);
    text[n++] = '\n';
    call(1, 1, (long)text, n);
    call(60, primes % 100, 0, 0);
}
""",
    "libc.c": "#include <stdio.h>\n#include <stdlib.h>\n#include <math.h>\n"
              "double f(char **v) { printf(\"%s\", v[0]); return sqrt(atof(v[1])) * M_PI; }\n",
    "bad.c": "int main(void) { return missing }\n",
    "compile": r"""
tcc="bin/tcc -nostdinc -Itcc -Imusl"
$tcc -nostdlib -static -o prog prog.c && ./prog; echo "ended $?"
$tcc -c -o libc.o libc.c; bin/busybox sha256sum prog libc.o
$tcc -c bad.c; echo "refused $?"
""",
}
BOTH = ("patched", "trampoline")
CASES = (("/bin/dash builtin", ("libos", *BOTH), INPUT), ("/bin/dash shell", BOTH, b""),
         ("/bin/lua plain.lua", BOTH, INPUT), ("/bin/lua children.lua", BOTH, b""),
         ("/bin/dash compile", BOTH, b""))


def make_root(root):
    (root / "bin").mkdir()
    (root / "tmp").mkdir()
    for program in ("dash", "lua", "tcc"):
        shutil.copy(PORTED / program, root / "bin" / program)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    (root / "bin/sh").symlink_to("dash")
    shutil.copytree(TCC_HEADERS, root / "tcc")
    shutil.copytree(MUSL_HEADERS, root / "musl")
    for name, text in FILES.items():
        (root / name).write_text(text)


def outcome(end):
    return end.returncode, end.stdout, end.stderr


def main():
    if not os.access("/bin/busybox", os.X_OK):
        print("1..0 # SKIP no busybox on this machine")
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix="exo4-programs-") as folder:
        root, here = pathlib.Path(folder) / "root", pathlib.Path(folder) / "here"
        root.mkdir()
        make_root(root)
        shutil.copytree(root, here, symlinks=True)
        for cmd, ways, data in CASES:
            program, *words = cmd.split()
            want = subprocess.run([program, *words], executable=here / program[1:], cwd=here, input=data,
                                  capture_output=True, check=False,
                                  env={"PATH": "/nowhere", "HOME": "/", "TERM": "dumb"})
            for way in ways:
                got = subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60",
                                      "--via", way, "--cmd", cmd], input=data, capture_output=True,
                                     check=False)
                equal(outcome(got), outcome(want), f"{cmd} by {way}: as on Linux")
    done()


main()
