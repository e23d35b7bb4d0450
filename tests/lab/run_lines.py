#!/usr/bin/env python3
"""Counts the cache lines of kernel code, and of data, that one IPC touches.

usage: run_lines.py [--kernel ELF] [--initrd ARCHIVE] [--list]

Steps through the kernel from the entry of an Ipc to the exit, by QEMU's debugger port, and reads from the
disassembly what each instruction fetches, loads and stores. Data lines are those of all memory that the
kernel touches meanwhile, the threads' UTCBs too; page tables that the MMU walks are not among them.
"""
import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path[:0] = [str(TOP / "exo/tools"), str(TOP / "tests/tools")]
import qemu                    # noqa: E402
from debugger import attached  # noqa: E402

LINE = 64
KERNEL_HALF = 1 << 63
STEPS_MAX = 10000
EXTENDED = 576 + 256           # bytes of XSAVE's area with x87, SSE and AVX
LINKS = 0xffffff0000001000     # exo/abi/kip.h: the page that IPC enters by
OPERAND = re.compile(r"(?:%(fs|gs):)?(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+)(?:,(\d))?)?\)")
ABSOLUTE = re.compile(r"%(gs|fs):(0x[0-9a-f]+)(?!\()")
SIZES = {"b": 1, "w": 2, "l": 4, "q": 8}


class Failed(Exception):
    """There is no count; the text says why."""


def disassembly(kernel):
    """Instructions of the kernel by address: length, mnemonic, operands."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-w", kernel], capture_output=True,
                          text=True, check=True).stdout
    found, last = {}, None
    for line in text.splitlines():
        if not (match := re.match(r"\s*([0-9a-f]{16}):\t(.*)", line)):
            continue
        address, words = int(match[1], 16), match[2].split("#")[0].split("<")[0].split(None, 1)
        found[address] = [15, words[0] if words else "", words[1].strip() if len(words) > 1 else ""]
        if last is not None and address - last <= 15:
            found[last][0] = address - last
        last = address
    return found


def symbol(kernel, name):
    text = subprocess.run(["nm", kernel], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        if line.endswith(f" {name}"):
            return int(line.split()[0], 16)
    raise Failed(f"the kernel has no {name}")


def wide(registers, name):
    """A register used in an address, by its name in the disassembly."""
    name = name.lstrip("%")
    return 0 if name in ("riz", "eiz") else registers[name]


def addresses(operands, registers, end):
    """Of the memory operands; a segment counts for gs and fs alone."""
    for segment, offset, base, index, scale in OPERAND.findall(operands):
        at = int(offset, 16) if offset else 0
        at += end if base == "%rip" else wide(registers, base) if base else 0
        at += wide(registers, index) * int(scale or 1) if index else 0
        yield (at + (registers[segment] if segment else 0)) % 2**64
    for segment, offset in ABSOLUTE.findall(operands):
        yield (registers[segment] + int(offset, 16)) % 2**64


def touched(instruction, registers):
    """Memory that an instruction touches: addresses and lengths."""
    length, name, operands = instruction
    end, stack = registers["rip"] + length, registers["rsp"]
    if name in ("lea", "nop", "nopl", "nopw") or name.startswith(("prefetch", "nop")):
        return
    if name.startswith("rep") and "movs" in operands:
        bytes_moved = registers["rcx"] * 8
        yield registers["rsi"], bytes_moved
        yield registers["rdi"], bytes_moved
        return
    if name.startswith(("push", "call")):
        yield stack - 8, 8
    if name.startswith(("pop", "ret")):
        yield stack, 8
    size = EXTENDED if name.startswith(("xsave", "xrstor")) else SIZES.get(name[-1], 8)
    for at in addresses(operands, registers, end):
        yield at, size


def lines_of(at, length):
    return range(at // LINE, (at + max(length, 1) - 1) // LINE + 1)


def step_through(debugger, code):
    """One IPC from the entry on: instructions, and its code and data lines."""
    steps, fetched, data = 0, set(), set()
    while (registers := debugger.registers())["rip"] >= KERNEL_HALF:
        if registers["rip"] // 4096 == LINKS // 4096:
            break
        if registers["rip"] not in code or steps > STEPS_MAX:
            raise Failed(f"lost at {registers['rip']:x} after {steps} instructions")
        instruction = code[registers["rip"]]
        fetched.update(lines_of(registers["rip"], instruction[0]))
        for at, length in touched(instruction, registers):
            data.update(lines_of(at, length))
        steps += 1
        debugger.step()
    return steps, fetched, data


def measure(kernel, initrd):
    """Instructions in the kernel, code lines and data lines of a Call, and of the Call that answers."""
    code, entry = disassembly(kernel), symbol(kernel, "arch_call_entry")
    options = qemu.Options(append="run=lab_lines", icount=1, timeout=120, kernel=kernel, initrd=initrd)
    with attached(options) as (machine, debugger):
        if not machine.wait_for(lambda: b"stepping" in bytes(machine.out), 60):
            raise Failed("lab_lines did not begin")
        debugger.stop()
        ways = []
        for _ in range(18):  # those before have warmed up what is filled at the first use
            debugger.run_to(entry)
            if len(ways) < 2 and debugger.registers()["rcx"] // 4096 == LINKS // 4096:
                ways.append(step_through(debugger, code))
            else:
                debugger.step()
    return ways


def main():
    parser = argparse.ArgumentParser(description="Counts the cache lines that one IPC touches.")
    parser.add_argument("--kernel", default=str(qemu.KERNEL))
    parser.add_argument("--initrd", default=str(qemu.SYSTEM))
    parser.add_argument("--list", action="store_true", help="print the lines, too")
    args = parser.parse_args()
    try:
        for steps, fetched, data in measure(args.kernel, args.initrd):
            print(f"{steps} instructions in the kernel, {len(fetched)} lines of code, {len(data)} of data")
            if args.list:
                print(*(f"  code {line * LINE:x}" for line in sorted(fetched)), sep="\n")
                print(*(f"  data {line * LINE:x}" for line in sorted(data)), sep="\n")
    except (Failed, EOFError, TimeoutError, qemu.Misuse) as problem:
        sys.exit(f"lines: {problem}")


if __name__ == "__main__":
    main()
