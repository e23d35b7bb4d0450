#!/usr/bin/env python3
"""`make exec-l4`: a root task that knows nothing of this tree but the binary interface, what it was
given, and a clear end for whatever cannot run."""
import pathlib
import subprocess
import sys
import tempfile

from tap_print import check, done, equal

HERE = pathlib.Path("tests/system")
# As L4Ka::Pistachio's user land is built: static, freestanding, in one segment, at a low address.
BUILD = ["gcc", "-std=gnu11", "-O2", "-Wall", "-Werror", "-ffreestanding", "-fno-stack-protector",
         "-fno-pic", "-no-pie", "-mno-red-zone", "-mgeneral-regs-only", "-static", "-nostdlib",
         "-Wl,--build-id=none", "-Wl,-N", "-Wl,--no-warn-rwx-segments", "-Wl,-Ttext=0x300000",
         "-Wl,--defsym=image_end=_end"]
END = ".globl _start\n_start: lea stack(%rip), %rsp\n{}\n1: jmp 1b\n.bss\n.skip 4096\nstack:\n"


def make(folder, name, *sources):
    path = folder / name
    subprocess.run([*BUILD, "-o", path, *sources], check=True)
    return path


def make_small(folder, name, text):
    source = folder / f"{name}.S"
    source.write_text(END.format(text))
    return make(folder, name, source)


def run(task, *options):
    return subprocess.run([sys.executable, "exo/tools/exec_l4.py", "--task", str(task), "--timeout",
                           "60", *map(str, options)], input=b"", capture_output=True, check=False)


def test_interface(folder, how, rounds, *options):
    (folder / "one").write_bytes(b"x" * 5000)
    (folder / "two").write_bytes(b"a module\n")
    root = make(folder, "x2_root", f"-DROUNDS={rounds}", HERE / "x2_root.c", HERE / "x2_entry.S")
    out = run(f"{root} one two", "--modules", f"{folder}/one; {folder}/two with words", *options)
    lines = out.stdout.decode(errors="replace").splitlines()
    results = [line for line in lines if line.startswith(("ok ", "not ok "))]
    for line in results:
        check(line.startswith("ok "), f'{line.split(" - ", 1)[1]}, {how}')
    equal(lines[-1:], [f"1..{len(results)}"], f"the root task came to its end, {how}")
    equal((out.returncode, out.stderr), (0, b""), f"and its status is the command's, {how}")


def test_ends(folder):
    status = make_small(folder, "status", "mov $42, %al\nout %al, $0xf4")
    equal(run(status).returncode, 42, "a status by port 0xf4")
    message = make_small(folder, "message", """lock; nop
        mov 0x188(%rax), %rsi
        shr $20, %rsi
        and $0xfff, %rsi
        shl $32, %rsi
        or $1, %rsi
        mov 0x1c0(%rax), %rcx
        mov %gs:0, %rdi
        xor %edx, %edx
        xor %r8d, %r8d
        mov $0xffffffffc1700002, %r9
        mov $3, %eax
        mov $43, %ebx
        call *%rcx""")
    equal(run(message).returncode, 43, "a status by a message to sigma0")
    for name, text, wanted in (
            ("fault", "mov 0x123456789000, %rax", "faults at 123456789000"),
            ("jump", "mov $0x5000000000, %rax\njmp *%rax", "faults at 5000000000"),
            ("port", "mov $0xcf8, %dx\nin %dx, %eax", "faults at cf8"),
            ("undefined", "ud2", "ended by exception 6"),
            ("halt", "hlt", "ended by exception 13")):
        out = run(make_small(folder, name, text))
        check(out.returncode == 139 and wanted in out.stderr.decode(), f"{name}: {wanted}")
        equal(out.stderr.count(b"\n"), 1, "in one line")


def test_refused(folder):
    whole = make_small(folder, "whole", "nop\n.data\n.fill 5000, 1, 1\n.text")
    (folder / "text").write_text("no program\n")
    (folder / "short").write_bytes(whole.read_bytes()[:100])
    (folder / "cut").write_bytes(whole.read_bytes()[:3000])
    high = folder / "high"
    subprocess.run([*BUILD[:-2], "-Wl,-Ttext=0xbf100000", "-o", high, folder / "whole.S"], check=True)
    for task, wanted in (("", "TASK is missing"), (folder / "none", "No such file"),
                         (folder / "text", "not an ELF file"), (folder / "short", "truncated"),
                         ("/bin/ls", "not a static program"), (folder / "cut", "truncated"),
                         (high, "linked outside of")):
        out = run(task)
        text = out.stderr.decode()
        check(out.returncode == 64 and wanted in text and text.count("\n") == 1,
              f"refused in one line: {wanted}")
    out = run(whole, "--modules", "/nowhere/at all")
    check(out.returncode == 64 and b"there is no such file" in out.stderr, "a module that is not there")


with tempfile.TemporaryDirectory() as name:
    test_interface(pathlib.Path(name), "one CPU", 10000)
    test_interface(pathlib.Path(name), "two CPUs, all checks", 20, "--smp", "2", "--mem", "64M",
                   "--kernel", "build/x86_64/kernel-checked.elf")
    test_ends(pathlib.Path(name))
    test_refused(pathlib.Path(name))
done()
