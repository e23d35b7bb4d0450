#!/usr/bin/env python3
"""Processes of a shell on exo4, against the same shell on this machine: forks, pipes, signals, ends."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUSYBOX = "/bin/busybox"
SCRIPTS = {
    "processes": """
echo one; /bin/busybox echo two
(echo three; exit 3); echo "status $?"
i=0; while [ $i -lt 50 ]; do (exit $i) || :; i=$((i+1)); done; echo looped $i
for i in 1 2 3 4 5; do /bin/busybox true && echo ran $i; done
/bin/busybox sleep 0.1 & wait $!; echo waited $?
(sh -c 'exit 5'; echo inner $?) 2>/dev/null; /nowhere/program 2>/dev/null; echo missing $?
f() { if [ $1 -gt 0 ]; then (f $(($1-1))); else echo bottom; fi; }; f 12
""",
    "pipes": """
echo a b c | /bin/busybox wc
x=$(/bin/busybox seq 1 5 | /bin/busybox tr '\\n' ' '); echo "x=$x"
for p in a b c; do /bin/busybox echo $p; done | /bin/busybox sort -r
/bin/busybox yes | /bin/busybox head -3; echo pipe $?
/bin/busybox seq 1 20000 | /bin/busybox md5sum
/bin/busybox seq 1 3000 | /bin/busybox sort -n | /bin/busybox tail -1 | (read n; echo last $n)
""",
    "signals": """
trap 'echo trapped' USR1; kill -USR1 $$; echo after
/bin/busybox sh -c 'kill -SEGV $$' 2>/dev/null; echo segv $?
/bin/busybox sleep 100 & kill -9 $!; wait $! 2>/dev/null; echo killed $?
/bin/busybox sh -c 'while :; do :; done' & p=$!; /bin/busybox sleep 0.05
kill $p; wait $p 2>/dev/null; echo term $?
/bin/busybox rm -f /tmp/said
/bin/busybox sh -c 'trap "echo got; exit 7" TERM; echo ready; while :; do :; done' > /tmp/said & p=$!
while ! /bin/busybox grep -q ready /tmp/said 2>/dev/null; do :; done
kill $p; wait $p; echo handler $?; /bin/busybox cat /tmp/said
""",
    # Who runs is interrupted while who interrupted it is still in the core.
    "answers": """
/bin/busybox sh -c 'trap "echo x" USR1; echo $$; while :; do :; done' | (read p; i=0
while [ $i -lt 200 ]; do kill -USR1 $p; read x; i=$((i+1)); done; kill -9 $p; echo answers $i)
""",
}
count = 0


def ok(good, what):
    global count
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {what}")
    return good


def there(root, name, *options):
    return subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60", "--cmd",
                           f"{BUSYBOX} sh /{name}", *options], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)


def compare(root, name, what, *options):
    here = subprocess.run([BUSYBOX, "sh", root / name], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)
    done = there(root, name, *options)
    if not ok((done.returncode, done.stdout) == (here.returncode, here.stdout), what):
        print(f"# {done.returncode} {done.stdout!r}, not {here.returncode} {here.stdout!r}; {done.stderr!r}")


def main():
    if not pathlib.Path(BUSYBOX).exists():
        print("1..0 # SKIP there is no static busybox")
        return
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "bin").mkdir()
        shutil.copy(BUSYBOX, root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        (root / "script").write_text("".join(f"echo {name}{text}" for name, text in SCRIPTS.items()))
        compare(root, "script", "processes, pipes and signals of a shell as on Linux")
        compare(root, "script", "on two CPUs, too", "--smp", "2")
    print(f"1..{count}")


main()
