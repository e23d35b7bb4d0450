#!/usr/bin/env python3
"""Other people's programs, built with the SDK: dash, Lua and tcc, the same on exo4 as here, in the ways
that they can run by."""
import pathlib
import shutil
import tempfile

import beside_linux
from tap_print import check, done

TCC = beside_linux.PORTED / "tcc.d"
FILES = {
    "shell": r"""
f() { if [ $1 -gt 1 ]; then echo $(( $1 * $(f $(( $1 - 1 ))) )); else echo 1; fi; }
f 6; (exit 3); echo "status $?"
x="a b  c"; set -- $x; echo $# "${x#a }" "${x%%b*}" "${none:-default}"
cat() { while read -r line; do echo "[$line]"; done; }
cat <<END
here $x $((7 % 4))
END
printf '%s\n' pear fig apple | sort | while read -r w; do printf '%-6s|' "$w"; done; echo
for n in *.lua; do case $n in pro*) echo "no $n";; *) echo "$n";; esac; done
trap 'echo bye; exit 9' EXIT; trap 'echo usr1' USR1; kill -USR1 $$
sleep 100 & kill $!; wait $!; echo "ended $?"
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
local p = io.popen("seq 3 | tac")
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
    "libc.c": r"""
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int order(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(int count, char **words)
{
    int numbers[101];
    for (int i = 0; i < 101; i++)
        numbers[i] = i * 7919 % 101;
    qsort(numbers, 101, sizeof *numbers, order);
    printf("%d %d %.6f %s %s\n", numbers[1], numbers[99], sqrt(count), strerror(2), words[1]);
    return atoi(words[1]);
}
""",
    "bad.c": "int main(void) { return missing }\n",
    "compile": r"""
tcc="tcc -nostdinc -nostdlib -static -Itcc -Imusl"
$tcc -o prog prog.c && ./prog; echo "ended $?"
$tcc -o libc lib/crt1.o lib/crti.o libc.c lib/libc.a lib/libtcc1.a lib/crtn.o && ./libc 77; echo "ended $?"
sha256sum prog libc
$tcc -c bad.c; echo "refused $?"
""",
    "all": r"""
export HOME=/
printf 'first\n 42 rest\nof it' > input
for what in 'dash builtin' 'dash shell' 'lua plain.lua' 'lua children.lua' 'dash compile'; do
    echo "--- $what"
    $what < input 2> errors
    echo "--- status $?"
    cat errors
done
""",
}


def make_root(root):
    beside_linux.make_root(root, "dash", "lua", "tcc")
    (root / "bin/sh").unlink()
    (root / "bin/sh").symlink_to("dash")
    shutil.copytree(TCC / "include", root / "tcc")
    shutil.copytree(beside_linux.MUSL[1], root / "musl")
    (root / "lib").mkdir()
    for file in (*(beside_linux.MUSL[0] / n for n in ("crt1.o", "crti.o", "crtn.o", "libc.a")), TCC / "libtcc1.a"):
        shutil.copy(file, root / "lib")
    for name, text in FILES.items():
        (root / name).write_text(text)


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-programs-") as folder:
        root = pathlib.Path(folder) / "root"
        make_root(root)
        want = beside_linux.same(root, "/bin/dash all", "dash, Lua and tcc")
        statuses = [line for line in want[1].decode().splitlines() if line.startswith("--- status")]
        check(statuses == [f"--- status {n}" for n in (11, 9, 6, 0, 0)], "they end as they should on Linux", statuses)
    done()


main()
