"""Ethernet frames made by hand: ARP, IPv4 and IPv6, ICMP, UDP, TCP, DHCP, DNS, key-value requests. Each is right in all its
lengths and sums; `mend` makes the sums of a changed frame right again, as far as its lengths can be followed."""
import ipaddress
import struct

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
BROADCAST = b"\xff" * 6
ETH, IP = 14, 20           # bytes of the headers; of IP without options
MORE, WHOLE = 0x2000, 0x4000  # of IPv4's word of fragments


def number(address):
    return ipaddress.ip_address(address).packed


def add_up(data, total=0):
    """The ones' complement sum of 16-bit words, not folded."""
    if len(data) % 2:
        data += b"\0"
    return total + sum(struct.unpack(f"!{len(data) // 2}H", data))


def fold(total):
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def put16(frame, at, value):
    """The frame with another word at `at`; as it is where that lies outside."""
    return frame if at + 2 > len(frame) else frame[:at] + struct.pack("!H", value & 0xFFFF) + frame[at + 2:]


def ethernet(to, source, kind, payload):
    return to + source + struct.pack("!H", kind) + payload


def arp(to, source, operation, from_mac, from_ip, to_mac, to_ip):
    return ethernet(to, source, ARP, struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + from_mac + number(from_ip)
                    + to_mac + number(to_ip))


def ipv4(ends, protocol, payload, ident=1, fragment=WHOLE, options=b""):
    """`ends`: (to_mac, from_mac, from_ip, to_ip)."""
    to_mac, from_mac, from_ip, to_ip = ends
    options += b"\0" * (-len(options) % 4)
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, 4 * words + len(payload), ident, fragment, 64, protocol, 0)
    head += number(from_ip) + number(to_ip) + options
    return ethernet(to_mac, from_mac, IPV4, put16(head, 10, fold(add_up(head))) + payload)


def pseudo(from_ip, to_ip, protocol, length):
    return add_up(number(from_ip) + number(to_ip), protocol + length)


def udp_bytes(from_ip, to_ip, from_port, to_port, data):
    body = struct.pack("!HHHH", from_port, to_port, 8 + len(data), 0) + data
    return put16(body, 6, fold(add_up(body, pseudo(from_ip, to_ip, UDP, len(body)))) or 0xFFFF)


def udp(ends, from_port, to_port, data, **more):
    return ipv4(ends, UDP, udp_bytes(ends[2], ends[3], from_port, to_port, data), **more)


def tcp(ends, ports, numbers, flags, data=b"", options=b"", window=65535, **more):
    """`ports`: from, to; `numbers`: sequence, acknowledgement."""
    options += b"\0" * (-len(options) % 4)
    body = struct.pack("!HHIIBBHHH", *ports, numbers[0] & 0xFFFFFFFF, numbers[1] & 0xFFFFFFFF,
                       (5 + len(options) // 4) << 4, flags, window, 0, 0) + options + data
    body = put16(body, 16, fold(add_up(body, pseudo(ends[2], ends[3], TCP, len(body)))))
    return ipv4(ends, TCP, body, **more)


def icmp(ends, kind, code, rest, **more):
    body = struct.pack("!BBH", kind, code, 0) + rest
    return ipv4(ends, ICMP, put16(body, 2, fold(add_up(body))), **more)


def neighbour(to_mac, from_mac, from_ip, target, kind=135):
    """IPv6 neighbour solicitation (135) or advertisement (136) of `target`."""
    to_ip = "ff02::1"
    body = struct.pack("!BBHI", kind, 0, 0, 0x60000000 if kind == 136 else 0) + number(target)
    body += struct.pack("!BB", 2 if kind == 136 else 1, 1) + from_mac
    body = put16(body, 2, fold(add_up(body, pseudo(from_ip, to_ip, ICMPV6, len(body)))))
    return ethernet(to_mac, from_mac, IPV6, struct.pack("!IHBB", 6 << 28, len(body), ICMPV6, 255) + number(from_ip)
                    + number(to_ip) + body)


def dhcp(kind, transaction, mac, address, server, more=b""):
    """What a DHCP server says: 2, an offer, or 5, an acknowledgement."""
    head = struct.pack("!BBBBIHH", 2, 1, 6, 0, transaction, 0, 0) + bytes(4) + number(address) + number(server) + bytes(4)
    options = (b"\x63\x82\x53\x63" + bytes((53, 1, kind, 54, 4)) + number(server) + b"\x33\x04" + struct.pack("!I", 3600)
               + b"\x01\x04" + number("255.255.255.0") + b"\x03\x04" + number(server) + b"\x06\x04" + number(server))
    return head + mac + bytes(10 + 192) + options + more + b"\xff"


def dns_name(name):
    return b"".join(bytes((len(part),)) + part for part in name.split(b".")) + b"\0"


def dns_answer(ident, name, address):
    return (struct.pack("!6H", ident, 0x8180, 1, 1, 0, 0) + dns_name(name) + struct.pack("!HH", 1, 1)
            + struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + number(address))


def key_value(opcode, key, value=b"", extras=b"", ident=7):
    """A request of memcached's binary protocol over UDP."""
    body = extras + key + value
    return (struct.pack(">4H", ident, 0, 1, 0)
            + struct.pack(">BBHBBHIIQ", 0x80, opcode, len(key), len(extras), 0, 0, len(body), ident, 0) + body)


def header_bytes(frame):
    """Of IPv4, as the frame says."""
    return (frame[ETH] & 15) * 4


def is_ipv4(frame):
    return len(frame) >= ETH + IP and frame[12:14] == b"\x08\x00"


def mend_ip(frame):
    end = ETH + header_bytes(frame)
    if not IP <= end - ETH <= len(frame) - ETH:
        return frame
    frame = put16(frame, ETH + 10, 0)
    return put16(frame, ETH + 10, fold(add_up(frame[ETH:end])))


def mend(frame):
    """The sums of IPv4 and of what it carries, right again; lies about lengths stay."""
    if not is_ipv4(frame):
        return frame
    frame = mend_ip(frame)
    begin, end = ETH + header_bytes(frame), ETH + struct.unpack_from("!H", frame, ETH + 2)[0]
    sum_at = {TCP: 16, UDP: 6, ICMP: 2}.get(frame[ETH + 9])
    if sum_at is None or not ETH + IP <= begin <= end <= len(frame) or begin + sum_at + 2 > end:
        return frame
    whole, rest = frame[:end], frame[end:]
    whole = put16(whole, begin + sum_at, 0)
    start = 0
    if frame[ETH + 9] != ICMP:
        start = add_up(whole[ETH + 12:ETH + 20], frame[ETH + 9] + end - begin)
    return put16(whole, begin + sum_at, fold(add_up(whole[begin:], start))) + rest
