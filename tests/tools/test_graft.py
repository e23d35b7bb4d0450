#!/usr/bin/env python3
"""The host command `graft`, as a newcomer types it: what it says, writes and refuses."""
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

from tap_print import check, done, equal

GRAFT = "build/host/graft"
HEAD = """#include "grafts/include/graft_helpers.h"
MAP(counts, GRAFT_MAP_HASH, uint32_t, uint64_t, 16);
uint64_t run(const struct graft_packet *packet);
GRAFT(packet_filter) uint64_t run(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint64_t zeros = 0;
"""
GOOD = HEAD + """
    if (data + 64 > end)
        return 0;
    for (int i = 0; i < 64; i++)
        zeros += data[i] == 0;
    return zeros;
}
"""
BAD = HEAD + """
    for (int i = 0; i < 64; i++)
        zeros += data[i] == 0;
    return zeros + (data == end);
}
"""
NULL = HEAD + """
    uint32_t key = packet->nic;
    uint64_t *n = map_lookup_elem(&counts, &key);
    return *n + zeros + (data == end);
}
"""
OTHER = HEAD + """
    extern uint64_t elsewhere(uint64_t);
    return elsewhere(zeros) + (data == end);
}
"""


def graft(*words):
    """Exit status, standard output, standard error."""
    r = subprocess.run([GRAFT, *map(str, words)], capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


def compile_c(folder, name, text):
    source, out = folder / f"{name}.c", folder / f"{name}.o"
    source.write_text(text)
    subprocess.run(["clang", "-target", "bpf", "-ffreestanding", "-O2", "-g", "-mcpu=v3", "-I.", "-c",
                    source, "-o", out], check=True)
    return out


def test_good(folder):
    out = folder / "good.graft"
    status, said, error = graft("prove", compile_c(folder, "good", GOOD), "-o", out, "-v")
    equal(status, 0, f"a loop is proved {error}")
    check("at most 64 turns" in said and "bytes" in said, "-v says what the loop counts by and how large the proof is")
    status, said, _ = graft("check", out)
    equal(status, 0, "the kernel's checker takes what was written")
    check(re.search(r"PACKET_FILTER: \d+ instructions, at most \d+ of them", said), "and says how long it runs")
    packet = "00" * 33 + "01" * 31
    for how in ([], ["--jit"], ["--jit", "--mask"]):
        equal(graft("run", out, packet, *how)[1], "33\n", f"it runs {' '.join(how)}")
    equal(graft("run", out, "00")[1], "0\n", "and looks at the length")
    status, said, _ = graft("disasm", out)
    check("claim: 1 states" in said and "good.c:" in said and "packet, 64 ahead" in said,
          "disasm shows source lines and claims")
    status, said, _ = graft("dot", out)
    check(said.startswith("digraph") and "color=red" in said, "dot draws the flow, the back edge in red")
    if shutil.which("dot"):
        drawn = subprocess.run(["dot", "-Tsvg"], input=said, capture_output=True, text=True)
        equal(drawn.returncode, 0, "and Graphviz reads it")
    equal(out.read_bytes().count(b"good.c"), 1, "the source's name is in the object once")
    second = folder / "again.graft"
    graft("prove", folder / "good.o", "-o", second)
    equal(second.read_bytes(), out.read_bytes(), "proving again gives the same bytes")


def test_bad(folder):
    status, said, error = graft("prove", compile_c(folder, "bad", BAD), "-o", folder / "bad.graft")
    equal((status, said), (1, ""), "what cannot be proved is refused")
    equal(len(error.splitlines()), 1, "in one line")
    check(re.search(r"bad\.c:11: instruction \d+ \(.*u8.*\): r\d: .*; compare pointer", error),
          f"with source line, instruction, register, fact and hint: {error}")
    check(not (folder / "bad.graft").exists(), "and nothing is written")
    error = graft("prove", folder / "bad.o", "--explain")[2]
    check("before it is known:" in error and "packet's end" in error, "--explain shows what was known")
    error = graft("prove", compile_c(folder, "null", NULL))[2]
    check("may be null" in error and "null.c:12" in error, f"a lookup that is not tested: {error}")
    error = graft("prove", compile_c(folder, "other", OTHER))[2]
    check(error.count("\n") == 1 and "other.c:11: elsewhere: the function is called and stands nowhere" in error,
          f"what the linker misses it names, where the source does: {error}")
    status, _, error = graft("check", folder / "null.o")
    check(status == 1 and "may be null" in error, "check links what is not linked")


def test_wrong_words(folder):
    for words, wrong in (
            ([], ""), (["dance", "a"], "dance is no command"), (["prove"], "what to work on is missing"),
            (["prove", "a", "b"], "b is one word too many"), (["prove", "a", "-o"], "-o needs a word behind it"),
            (["prove", "a", "-o", "b", "-o", "c"], "-o is given twice"), (["check", "a", "-o", "b"], "-o is no option of this command"),
            (["disasm", "--jit", "a"], "--jit is no option of this command"), (["run", "a"], "the packet is missing"),
            (["dot", "a", "--color"], "--color is no option of this command"), (["bench"], "what to work on is missing"),
            (["bench", "a", "--jit"], "--jit is no option of this command"), (["conform", "--program"], "--program needs a word behind it"),
            (["conform", "00", "11"], "conform takes one memory"), (["conform", "--jit", "--interpret"], "conform takes one memory")):
        status, said, error = graft(*words)
        check(status == 2 and said == "" and error.startswith(f"graft: {wrong}" if wrong else "usage: graft prove") and
              "usage: graft prove" in error, f"graft {' '.join(words)}: what is wrong, usage, status 2")
    status, _, error = graft("prove", folder / "nothing.o")
    check(status == 1 and "No such file" in error, "a file that is not there")
    status, _, error = graft("prove", folder / "good.o", "--hook", "nowhere")
    check(status == 1 and "no hook is called nowhere" in error, "a hook that does not exist")
    hookless = compile_c(folder, "hookless", GOOD.replace("GRAFT(packet_filter)", 'SEC("mine")'))
    status, said, error = graft("prove", hookless, "-o", folder / "hookless.graft")
    check((status, said) == (1, "") and "hookless.o: its section, mine, is not called as a hook; say which with --hook" in error and
          not (folder / "hookless.graft").exists(), "a section that is called as no hook")
    status, said, _ = graft("prove", hookless, "--hook", "packet_filter")
    check(status == 0 and "proved for PACKET_FILTER" in said, "which --hook tells")
    status, _, error = graft("prove", folder / "good.o", "--section", "nowhere")
    check(status == 1 and "no section of that name" in error, "a section that does not exist")
    (folder / "text.o").write_text("not an object")
    status, _, error = graft("prove", folder / "text.o")
    check(status == 1 and "not an eBPF object" in error, "a file that is no object")


def test_damage(folder):
    whole = (folder / "good.graft").read_bytes()
    ends = set()
    for at in range(0, len(whole), 3):
        (folder / "damaged").write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1:])
        for command in ("check", "disasm"):
            ends.add(graft(command, folder / "damaged")[0])
    check(ends <= {0, 1}, f"damaged objects are refused, or still true: {ends}")


def slots(*words):
    """Slots as the public conformance suite writes them: (opcode, destination, source, offset, number)."""
    return " ".join(struct.pack("<BBhi", op, dst | src << 4, off, imm).hex(" ") for op, dst, src, off, imm in words)


EXIT = (0x95, 0, 0, 0, 0)
CONFORM = (  # what, memory, slots, r0
    ("a constant", "", [(0xb7, 0, 0, 0, -2)], "fffffffffffffffe"),
    ("a 64-bit constant", "", [(0x18, 0, 0, 0, 1), (0, 0, 0, 0, 2)], "200000001"),
    ("r1 is the memory", "01 02 03 04 05 06 07 88", [(0x79, 0, 1, 0, 0)], "8807060504030201"),
    ("r2 its length", "01 02 03", [(0xbf, 0, 2, 0, 0)], "3"),
    ("a signed load", "80", [(0x91, 0, 1, 0, 0)], "ffffffffffffff80"),
    ("memory is written", "00" * 8, [(0x72, 1, 0, 3, 7), (0x79, 0, 1, 0, 0)], "7000000"),
    ("an atomic sum that gives what was there", "05" + "00" * 7,
     [(0xb7, 3, 0, 0, 4), (0xdb, 1, 3, 0, 1), (0x79, 0, 1, 0, 0), (0x67, 0, 0, 0, 8), (0x4f, 0, 3, 0, 0)], "905"),
    ("a quotient by 0", "", [(0xb7, 0, 0, 0, 9), (0x37, 0, 0, 0, 0)], "0"),
    ("a signed remainder", "", [(0xb7, 0, 0, 0, -7), (0x97, 0, 0, 1, 3)], "ffffffffffffffff"),
    ("a loop", "", [(0xb7, 0, 0, 0, 0), (0x07, 0, 0, 0, 1), (0x55, 0, 0, -2, 1000)], "3e8"),
    ("a function of the program", "", [(0xb7, 1, 0, 0, 20), (0x85, 0, 1, 0, 1), EXIT, (0xbf, 0, 1, 0, 0), (0x07, 0, 0, 0, 1)], "15"),
    ("a helper by a register", "", [(0xb7, 1, 0, 0, 6), (0xb7, 2, 0, 0, 5), (0x8d, 2, 0, 0, 0)], "6"),
    ("one that there is not", "", [(0xb7, 2, 0, 0, 4), (0x8d, 2, 0, 0, 0)], None),
    ("the helper that ends the program at 0", "", [(0xb7, 1, 0, 0, 0), (0x85, 0, 0, 0, 5), (0xb7, 0, 0, 0, 3)], "0"),
    ("and not else", "", [(0xb7, 1, 0, 0, 6), (0x85, 0, 0, 0, 5)], "6"),
    ("another helper", "", [(0x85, 0, 0, 0, 77)], None),
    ("an opcode that there is not", "", [(0xff, 0, 0, 0, 0)], None),
    ("a field that must be 0", "", [(0xb7, 0, 0, 9, 0)], None),
    ("a jump out of it", "", [(0x05, 0, 0, 9, 0)], None),
    ("a write to r10", "", [(0xb7, 10, 0, 0, 0)], None),
)


def test_conform():
    for how in ([], ["--interpret"], ["--jit"]):
        for what, memory, code, result in CONFORM:
            r = subprocess.run([GRAFT, "conform", *([memory] if memory else []), *how], input=slots(*code, EXIT),
                               capture_output=True, text=True)
            got = (r.returncode, r.stdout, len(r.stderr.splitlines()))
            equal(got, (1, "", 1) if result is None else (0, result + "\n", 0), f"conform {' '.join(how)}: {what}")
        for words in (["", *how], [*how, "", ""], ["--program", slots((0xb7, 0, 0, 0, 5), EXIT), *how]):
            r = subprocess.run([GRAFT, "conform", *words], input="" if "--program" in words else slots((0xb7, 0, 0, 0, 5), EXIT) + " \n",
                               capture_output=True, text=True)
            equal((r.returncode, r.stdout), (0, "5\n"), f"conform, called as other runners do: {words}")
        for text in ("", "b7", "xy" * 8):
            r = subprocess.run([GRAFT, "conform", *how], input=text, capture_output=True, text=True)
            check(r.returncode == 1 and "not a program" in r.stderr, f"no program: '{text}'")
    r = subprocess.run([GRAFT, "conform", "00"], input=slots((0x79, 0, 10, 4096, 0), EXIT), capture_output=True, text=True)
    check(r.returncode == 1 and "access outside" in r.stderr, "the interpreter sees an access elsewhere")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        test_good(folder)
        test_bad(folder)
        test_wrong_words(folder)
        test_damage(folder)
    test_conform()
    done()


if __name__ == "__main__":
    main()
