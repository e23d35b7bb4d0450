#!/usr/bin/env python3
"""Boots exo4 with a folder as the root file system, runs one command there, and becomes it.

usage: exec.py --root DIR --cmd 'PROG ARGS' [--via WAY] [--trace 1] [--disk IMAGE]
               [--mount 'DIR OPTIONS'] [--net user|tap:NAME] [--fwd HOST:GUEST]
               [--address 10.0.2.15/24,GATEWAY,NAMESERVER] [--append 'hide=1'] [--smp N] [--mem SIZE] [--timeout S] ...

The command's standard output and error are this program's, its input too, its exit status too.
Nothing else is printed, unless something went wrong; with --trace 1 each system call is a line on
standard error, and at the end those that are missing are. Further statuses: 64 misuse, 70 the system
itself failed, 124 TIMEOUT, 130 Ctrl-C.
"""
import os
import re
import shlex
import tempfile

import boot_command
import mkarchive
import qemu

WAYS = ("libos", "patched", "trampoline")
MEM_MIN = 512 << 20
MEM_MAX_ARCHIVE = 1800 << 20  # QEMU puts archives below 2 GiB, beside the firmware's tables


def environment():
    yield "PATH=/bin:/sbin:/usr/bin:/usr/sbin"
    yield "HOME=/"
    yield "TERM=" + os.environ.get("TERM", "dumb")


def nul_separated(words):
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def words_of(cmd):
    if not cmd or not cmd.strip():
        raise qemu.Misuse("CMD is missing: make exec ROOT=dir CMD='/bin/prog args'")
    try:
        return shlex.split(cmd)
    except ValueError as problem:
        raise qemu.Misuse(f"CMD={cmd}: {problem}") from None


def mount_of(mount, disk):
    """Where the disk's file system goes: a directory, and options as in fstab."""
    words = (mount or "").split()
    if not words:
        return []
    if not disk:
        raise qemu.Misuse(f"MOUNT={mount}: needs DISK=image")
    if len(words) > 2 or not words[0].startswith("/"):
        raise qemu.Misuse(f"MOUNT={mount}: want '/directory' or '/directory ro,first=N,blocks=N'")
    return [(b".exo4/mount", nul_separated(words))]


def network_of(args):
    """The word that gives the processes the card, and says how it gets its address."""
    if not args.net or args.net == "none":
        if args.address:
            raise qemu.Misuse(f"ADDRESS={args.address}: needs NET=user or NET=tap:NAME")
        return []
    if args.address and not re.fullmatch(r"[\d.]+/\d+(,[\d.]+){0,2}", args.address):
        raise qemu.Misuse(f"ADDRESS={args.address}: want 10.0.2.15/24,GATEWAY,NAMESERVER")
    return [f"net={args.address or 'dhcp'}"]


def check_root(root):
    if not root:
        raise qemu.Misuse("ROOT is missing: make exec ROOT=dir CMD='/bin/prog args'")
    if not os.path.exists(root):
        raise qemu.Misuse(f"ROOT={root}: there is no such folder")
    if not os.path.isdir(root):
        raise qemu.Misuse(f"ROOT={root}: is not a folder")


def memory_for(archive_bytes, wanted):
    """Room for the archive, and for the copies that the program makes of it."""
    if archive_bytes > MEM_MAX_ARCHIVE:
        raise qemu.Misuse(f"the root file system has {archive_bytes >> 20} MiB; "
                          f"the boot can carry {MEM_MAX_ARCHIVE >> 20}")
    if wanted:
        if qemu.mem_bytes(wanted) < 2 * archive_bytes:
            raise qemu.Misuse(f"MEM={wanted}: too small for a root file system of "
                              f"{archive_bytes >> 20} MiB")
        return wanted
    return f"{(MEM_MIN + (3 * archive_bytes if archive_bytes > 64 << 20 else 0)) >> 20}M"


def boot(args):
    words = words_of(args.cmd)
    check_root(args.root)
    mount = mount_of(args.mount, args.disk)
    if args.via and args.via not in WAYS:
        raise qemu.Misuse(f"VIA={args.via}: want one of {', '.join(WAYS)}")

    if args.trace not in (None, "", "0", "1"):
        raise qemu.Misuse(f"TRACE={args.trace}: want 1, or nothing")
    trace = ["trace=1"] if args.trace == "1" else []

    # A file without a name: nothing is left behind, however this program ends.
    with tempfile.TemporaryFile() as archive:
        mkarchive.make(archive, trees=[args.root], archives=[args.system],
                       files=getattr(args, "files", ()),
                       blobs=[(b".exo4/argv", nul_separated(words)),
                              (b".exo4/environ", nul_separated(environment()))] + mount)
        archive.flush()
        size = archive.tell()
        way = [f"via={args.via}"] if args.via else []
        way += network_of(args)
        words = [*(args.append or "").split(), "exec", *way, *trace]
        options = qemu.options_of(args, append=" ".join(words),
                                  mem=memory_for(size, args.mem),
                                  initrd=f"/dev/fd/{archive.fileno()}",
                                  pass_fds=(archive.fileno(),))
        return qemu.run_quietly(options, stdin=0, log=qemu.open_log(args.log))


if __name__ == "__main__":
    boot_command.run("exec", __doc__, ("--root", "--cmd", "--via", "--trace", "--mount", "--address", "--append"), boot)
