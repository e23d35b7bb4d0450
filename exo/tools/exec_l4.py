#!/usr/bin/env python3
"""Boots exo4 with sigma0 and an ELF program as the L4 root task, and becomes it.

usage: exec_l4.py --task 'FILE ARGS' [--modules 'FILE ARGS; FILE ARGS'] [--smp N] [--mem SIZE] ...

The first serial port, and what sigma0 reports, are this program's output. The root task ends the
machine with a status by a message to sigma0 (L4_Sigma0_PowerOff of <l4/sigma0.h>) or by writing it to
port 0xf4, below 128. Further statuses: 64 misuse, 70 the system itself failed, 124 TIMEOUT, 130 Ctrl-C,
139 the root task faulted.
"""
import os
import shlex
import struct
import tempfile

import boot_command
import mkarchive
import qemu
from exec import memory_for, nul_separated

MODULES_MAX = 60
FOLDER = ".exo4/l4/"


def check_elf(path):
    """What sigma0 could not load is told here, before a machine is started."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            size = file.seek(0, os.SEEK_END)
    except OSError as problem:
        raise qemu.Misuse(f"TASK={path}: {problem.strerror}") from None
    if head[:4] != b"\x7fELF":
        raise qemu.Misuse(f"TASK={path}: not an ELF file")
    if len(head) < 64 or head[4] != 2 or struct.unpack_from("<H", head, 18)[0] != 62:
        raise qemu.Misuse(f"TASK={path}: not an ELF file for x86-64")
    if struct.unpack_from("<H", head, 16)[0] != 2:
        raise qemu.Misuse(f"TASK={path}: not a static program; link it with -static -no-pie")
    at, entry_bytes, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
    with open(path, "rb") as file:
        file.seek(at)
        table = file.read(entry_bytes * count)
    if entry_bytes != 56 or not count or len(table) < entry_bytes * count:
        raise qemu.Misuse(f"TASK={path}: a truncated ELF file")
    for n in range(count):
        kind, _, offset, _, _, filled = struct.unpack_from("<IIQQQQ", table, n * entry_bytes)
        if kind == 1 and offset + filled > size:
            raise qemu.Misuse(f"TASK={path}: a truncated ELF file")


def words_of(name, line):
    try:
        return shlex.split(line)
    except ValueError as problem:
        raise qemu.Misuse(f"{name}={line}: {problem}") from None


def task_of(line):
    words = words_of("TASK", line or "")
    if not words:
        raise qemu.Misuse("TASK is missing: make exec-l4 TASK=file.elf")
    check_elf(words[0])
    return words[0]


def modules_of(text):
    """Command lines, and the files that their first words name."""
    lines = [line.strip() for line in (text or "").split(";") if line.strip()]
    if len(lines) > MODULES_MAX:
        raise qemu.Misuse(f"MODULES: {len(lines)} of them; at most {MODULES_MAX} are loaded")
    files = []
    for line in lines:
        files.append(words_of("MODULES", line)[0])
        if not os.path.isfile(files[-1]):
            raise qemu.Misuse(f"MODULES={files[-1]}: there is no such file")
    return lines, files


def boot(args):
    task = task_of(args.task)
    lines, modules = modules_of(args.modules)
    files = [(os.fsencode(f"{FOLDER}task"), task)]
    files += [(os.fsencode(f"{FOLDER}module{n}"), path) for n, path in enumerate(modules)]
    with tempfile.TemporaryFile() as archive:
        mkarchive.make(archive, files=files, archives=[args.system], blobs=[
            (os.fsencode(f"{FOLDER}lines"), nul_separated([args.task.strip(), *lines]))])
        archive.flush()
        options = qemu.options_of(args, append="exec-l4", mem=memory_for(archive.tell(), args.mem),
                                  initrd=f"/dev/fd/{archive.fileno()}", ends_by_port=True,
                                  pass_fds=(archive.fileno(),))
        return qemu.run_quietly(options, stdin=0, log=qemu.open_log(args.log))


if __name__ == "__main__":
    boot_command.run("exec-l4", __doc__, ("--task", "--modules"), boot)
