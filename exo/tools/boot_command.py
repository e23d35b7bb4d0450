"""What the commands that boot one program share: their options, and one line for what is wrong."""
import sys

import mkarchive
import qemu


def end(name, parser, boot):
    """End with what `boot` returns for the options that `parser` finds."""
    try:
        status = boot(parser.parse_args())
    except (qemu.Misuse, mkarchive.Refused, OSError) as problem:
        print(f"{name}: {problem}", file=sys.stderr)
        status = qemu.STATUS_USAGE
    except KeyboardInterrupt:
        status = qemu.STATUS_INTERRUPT
    sys.exit(status)


def run(name, usage, own, boot):
    """The same with the options `own` and the machine's."""
    ap = qemu.Parser(usage=usage)
    for option in own:
        ap.add_argument(option)
    ap.add_argument("--log", help="where the kernel's log goes; - is standard error")
    ap.add_argument("--system", default=str(qemu.SYSTEM), help="the system archive")
    qemu.add_options(ap)
    end(name, ap, boot)
