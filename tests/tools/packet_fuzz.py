"""What is wrong with packets: each function makes, of a frame that is right, frames that are not (or that nobody should
have sent). `chance` is a random.Random, so that a seed says all."""
import struct

import packets
from packets import ETH, IP, put16

ALIENS = ("10.0.2.2", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "10.0.2.255", "240.0.0.1", "192.0.2.1")


def cut(chance, frame):
    return [frame[:chance.randrange(len(frame))]]


def every_length(frame):
    """Each of its beginnings, as it is and with an IP length that says so."""
    for length in range(len(frame)):
        part = frame[:length]
        yield part
        if packets.is_ipv4(part):
            yield packets.mend(put16(part, ETH + 2, length - ETH))


def flip(chance, frame):
    """One to four bytes are others; at times the sums are right all the same."""
    data = bytearray(frame)
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return [packets.mend(bytes(data)) if chance.random() < .6 else bytes(data)]


def lie(chance, frame):
    """A length that is not so: of IP, of its header, of TCP's header, of UDP."""
    if not packets.is_ipv4(frame):
        return flip(chance, frame)
    begin, protocol = ETH + packets.header_bytes(frame), frame[ETH + 9]
    some = chance.choice((0, 1, 4, 7, 8, 19, 20, 21, 39, 40, 41, len(frame), len(frame) - ETH + 1, 1501, 65535,
                          chance.randrange(65536)))
    which = chance.randrange(3)
    if which == 0:
        frame = put16(frame, ETH + 2, some)
    elif which == 1:
        frame = frame[:ETH] + bytes((0x40 | chance.randrange(16),)) + frame[ETH + 1:]
    elif protocol == packets.UDP:
        frame = put16(frame, begin + 4, some)
    elif protocol == packets.TCP and len(frame) > begin + 12:
        frame = frame[:begin + 12] + bytes((chance.randrange(16) << 4,)) + frame[begin + 13:]
    return [packets.mend(frame)]


def with_ip_options(chance, frame):
    """Options of IP, of which some have no end or a length that is none."""
    if not packets.is_ipv4(frame) or packets.header_bytes(frame) != IP:
        return [frame]
    options = b"".join(chance.choice((b"\1", b"\x07\x07\x04\0\0\0\0", b"\x83\x03\x04", b"\x88\x04\0\0", b"\x07\0", b"\x83\xff",
                                      bytes((chance.randrange(256), chance.randrange(256)))))
                       for _ in range(chance.randint(1, 8)))[:40]
    options += b"\0" * (-len(options) % 4)
    head = bytes((0x40 | (5 + len(options) // 4),)) + frame[ETH + 1:ETH + IP] + options
    frame = frame[:ETH] + head + frame[ETH + IP:]
    return [packets.mend(put16(frame, ETH + 2, len(frame) - ETH))]


def with_tcp_options(chance, frame):
    begin = ETH + IP
    if not packets.is_ipv4(frame) or frame[ETH + 9] != packets.TCP or len(frame) < begin + 20:
        return [frame]
    options = b"".join(chance.choice((b"\1", b"\2\4\0\0", b"\2\4\0\1", b"\2\4\xff\xff", b"\2\3\1", b"\3\3\x0f", b"\3\3\xff", b"\4\2",
                                      b"\5\x0a" + chance.randbytes(8), b"\x08\x0a" + chance.randbytes(8), b"\2\0", b"\5\1",
                                      b"\xfe\xff", b"\2"))
                       for _ in range(chance.randint(1, 10)))[:40]
    options += b"\0" * (-len(options) % 4)
    frame = (frame[:begin + 12] + bytes(((5 + len(options) // 4) << 4,)) + frame[begin + 13:begin + 20] + options
             + frame[begin + 20:])
    return [packets.mend(put16(frame, ETH + 2, len(frame) - ETH))]


def with_flags(chance, frame):
    begin = ETH + IP
    if not packets.is_ipv4(frame) or frame[ETH + 9] != packets.TCP or len(frame) < begin + 20:
        return [frame]
    return [packets.mend(frame[:begin + 13] + bytes((chance.randrange(256),)) + frame[begin + 14:])]


def with_numbers(chance, frame):
    """Sequence number, acknowledgement, window or urgent pointer: near what is right, or anywhere."""
    begin = ETH + IP
    if not packets.is_ipv4(frame) or frame[ETH + 9] != packets.TCP or len(frame) < begin + 20:
        return [frame]
    at = begin + chance.choice((4, 8))
    value = struct.unpack_from("!I", frame, at)[0] + chance.choice(
        (-1, 1, -1460, 1460, 65535, -65536, 1 << 31, chance.randrange(1 << 32)))
    frame = frame[:at] + struct.pack("!I", value & 0xFFFFFFFF) + frame[at + 4:]
    if chance.random() < .3:
        frame = put16(frame, begin + chance.choice((14, 18)), chance.choice((0, 1, 65535)))
    return [packets.mend(frame)]


def spoofed(chance, frame):
    """From an address that nobody has, or that is the receiver's own, with the same port at times."""
    if not packets.is_ipv4(frame):
        return flip(chance, frame)
    own = frame[ETH + 16:ETH + 20]
    source = chance.choice([own, *map(packets.number, ALIENS)])
    frame = frame[:ETH + 12] + source + frame[ETH + 16:]
    begin = ETH + IP
    if chance.random() < .5 and frame[ETH + 9] in (packets.TCP, packets.UDP) and len(frame) >= begin + 4:
        frame = frame[:begin] + frame[begin + 2:begin + 4] + frame[begin + 2:]
    if chance.random() < .3:  # and by the link's addresses, too
        frame = frame[:6] + frame[:6] + frame[12:]
    return [packets.mend(frame)]


def misaddressed(chance, frame):
    """To all, to a group, from a group, of a VLAN, of another kind, with more behind it."""
    group = b"\1\0\x5e\0\0\1"
    return [chance.choice((packets.BROADCAST + frame[6:], group + frame[6:], frame[:6] + group + frame[12:],
                           frame[:6] + packets.BROADCAST + frame[12:], frame[:12] + b"\x81\0\0\5" + frame[12:],
                           frame[:12] + struct.pack("!H", chance.randrange(65536)) + frame[14:],
                           frame + bytes(chance.randrange(1514 - min(len(frame), 1513))),
                           (frame + bytes(1514))[:1514]))]


def fragment(frame, offset, count, more, ident):
    """`count` bytes from `offset`, a multiple of eight, of what an IPv4 packet carries."""
    head = put16(frame[:ETH + IP], ETH + 4, ident)
    head = put16(head, ETH + 6, offset // 8 & 0x1FFF | (packets.MORE if more else 0))
    head = put16(head, ETH + 2, IP + count)
    return packets.mend_ip(head) + (frame[ETH + IP:] + bytes(65536))[offset:offset + count]


def in_pieces(chance, frame):
    """Fragments: right ones in any order, doubled, some missing, overlapping, beyond all ends."""
    if not packets.is_ipv4(frame) or packets.header_bytes(frame) != IP or len(frame) == ETH + IP:
        return [frame]
    whole, ident = len(frame) - ETH - IP, chance.randrange(65536)
    size = 8 * chance.randint(1, max(1, whole // 16))
    made = [fragment(frame, at, min(size, whole - at), at + size < whole, ident) for at in range(0, whole, size)][:64]
    for _ in range(chance.randrange(4)):
        which = chance.randrange(5)
        if which == 0:
            made.append(chance.choice(made))
        elif which == 1:
            made.pop(chance.randrange(len(made)))
        elif which == 2:  # overlaps what is there
            made.append(fragment(frame, 8 * chance.randrange(1 + whole // 8), 8 * chance.randint(1, 20),
                                 chance.random() < .7, ident))
        elif which == 3:  # ends behind the longest packet that there may be
            made.append(fragment(frame, 65528, chance.choice((8, 400, 1480)), chance.random() < .3, ident))
        else:             # none, or no multiple of eight, and more to come
            made.append(fragment(frame, 8 * chance.randrange(30), chance.choice((0, 1, 7, 13)), True, ident))
        if not made:
            break
    if chance.random() < .5:
        chance.shuffle(made)
    return made


def doubled(chance, frame):
    return [frame] * chance.randint(2, 5)


KINDS = (cut, flip, lie, with_ip_options, with_tcp_options, with_flags, with_numbers, spoofed, misaddressed, in_pieces, doubled)


def mutate(chance, frame):
    """What one to three of the kinds make of a frame; never longer than a link takes, nor nothing."""
    frames = [frame]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        kind = chance.choice(KINDS)
        frames = [made for one in frames for made in (kind(chance, one) if len(one) > ETH else [one])][:80]
    return [made[:1514] for made in frames if len(made) >= ETH]
