#!/usr/bin/env python3
"""The host command `graft`, as a newcomer types it: what it says, writes and refuses."""
import pathlib
import re
import shutil
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
    status, _, error = graft("check", folder / "null.o")
    check(status == 1 and "may be null" in error, "check links what is not linked")


def test_wrong_words(folder):
    for words in ([], ["prove"], ["prove", "a", "b"], ["check", "a", "-o", "b"], ["dance", "a"], ["prove", "a", "-o"],
                  ["run", "a"], ["dot", "a", "--color"], ["prove", "a", "-o", "b", "-o", "c"]):
        status, said, error = graft(*words)
        check(status == 2 and said == "" and error.startswith("usage: graft prove"),
              f"graft {' '.join(words)}: usage, status 2")
    status, _, error = graft("prove", folder / "nothing.o")
    check(status == 1 and "No such file" in error, "a file that is not there")
    status, _, error = graft("prove", folder / "good.o", "--hook", "nowhere")
    check(status == 1 and "no hook is called nowhere" in error, "a hook that does not exist")
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


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        test_good(folder)
        test_bad(folder)
        test_wrong_words(folder)
        test_damage(folder)
    done()


if __name__ == "__main__":
    main()
