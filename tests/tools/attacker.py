"""Who attacks the servers of a guest by single packets on a tap: it has an address of its own, speaks with servers as
clients do, sees what others say to them, and sends what `packet_fuzz` makes of all that."""
import collections
import errno
import select
import socket
import struct
import time

import packet_fuzz
import packets
from packets import ACK, ETH, FIN, IP, PSH, RST, SYN

HERE = "10.0.2.2"          # of the clients whom it does not like
ADDRESS, MAC = "10.0.2.66", b"\2\0\0\0\0\x66"
ETH_P_ALL, OUTGOING = 3, 4
FLOOD = 200                # packets
RECORDED = 256             # of what others say

Server = collections.namedtuple("Server", "name address mac port is_tcp request")


def segment_data(frame):
    """What a TCP segment in a frame carries."""
    begin = ETH + packets.header_bytes(frame)
    return frame[begin + (frame[begin + 12] >> 4) * 4:ETH + struct.unpack_from("!H", frame, ETH + 2)[0]]


class Attacker:
    """On one tap. Everything that it does follows from `chance`, but for what it hears."""

    def __init__(self, tap, chance):
        self.chance = chance
        self.tap = tap
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.wire.bind((tap, 0))
        self.here_mac = self.wire.getsockname()[4]
        self.others = collections.deque(maxlen=RECORDED)  # frames of this machine to its servers
        self.sent = 0

    def send(self, frames):
        for frame in frames:
            try:
                self.wire.send(frame)
                self.sent += 1
            except OSError as problem:
                if problem.errno not in (errno.EINVAL, errno.EMSGSIZE, errno.ENOBUFS, errno.ENETDOWN):
                    raise

    def hear(self, wanted=lambda frame: False, patience=0.0):
        """The next frame from the guest that is `wanted`; None: it does not come in time. Asks who it is are answered."""
        until = time.monotonic() + patience
        while select.select([self.wire], [], [], max(0, until - time.monotonic()))[0]:
            try:
                frame, (_, _, kind, *_) = self.wire.recvfrom(65536)
            except OSError as problem:  # the link was down meanwhile
                if problem.errno != errno.ENETDOWN:
                    raise
                continue
            if kind == OUTGOING:
                if packets.is_ipv4(frame) and frame[ETH + 12:ETH + 16] == packets.number(HERE):
                    self.others.append(frame)
                continue
            if frame[12:14] == b"\x08\x06" and frame[38:42] == packets.number(ADDRESS):
                self.send([packets.arp(frame[6:12], MAC, 2, MAC, ADDRESS, frame[6:12], ".".join(map(str, frame[28:32])))])
            if wanted(frame):
                return frame
        return None

    def mac_of(self, address, patience=1.0):
        """Who has the address on this tap; None: nobody."""
        self.send([packets.arp(packets.BROADCAST, MAC, 1, MAC, ADDRESS, bytes(6), address)])
        answer = self.hear(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[28:32] == packets.number(address),
                           patience)
        return answer and answer[22:28]

    def ends(self, server, source=ADDRESS):
        return server.mac, MAC, source, server.address

    def hear_tcp(self, ports, wanted, patience):
        """The next segment from the server of these ports to it, if its flags and data are `wanted`; or None."""
        return self.hear(lambda f: packets.is_ipv4(f) and len(f) >= ETH + IP + 20 and f[ETH + 9] == packets.TCP
                         and f[ETH + IP:ETH + IP + 4] == struct.pack("!HH", ports[1], ports[0])
                         and f[ETH + 16:ETH + 20] == packets.number(ADDRESS)
                         and wanted(f[ETH + IP + 13], segment_data(f)), patience)

    def meet(self, server, patience=1.0, mss=1460, window=65535):
        """A handshake, as far as the server's part; returns (ports, numbers), or None."""
        ports, first = (self.chance.randint(1024, 65535), server.port), self.chance.randrange(1 << 32)
        self.send([packets.tcp(self.ends(server), ports, (first, 0), SYN, options=b"\2\4" + struct.pack("!H", mss),
                               window=window)])
        answer = self.hear_tcp(ports, lambda flags, _: flags == SYN | ACK, patience)
        if not answer:
            return None
        return ports, (first + 1, struct.unpack_from("!I", answer, ETH + IP + 4)[0] + 1)

    def openings(self, server):
        """One right packet of each kind, by which to begin with a server."""
        ends, port = self.ends(server), self.chance.randint(1024, 65535)
        some = self.chance.randbytes(self.chance.choice((0, 1, 8, 100, 1000, 1400)))
        number = self.chance.randrange(1 << 32)
        yield packets.arp(packets.BROADCAST, MAC, 1, MAC, ADDRESS, bytes(6), server.address)
        yield packets.arp(server.mac, MAC, 2, MAC, ADDRESS, server.mac, server.address)
        yield packets.icmp(ends, 8, 0, b"\0\1\0\1" + some)
        yield packets.icmp(ends, self.chance.choice((3, 5, 11, 13, 17)), self.chance.randrange(6), bytes(4) + some[:60])
        yield packets.udp(ends, port, server.port, some)
        yield packets.udp(ends, port, self.chance.randrange(65536), some)
        yield packets.udp(ends, 67, 68, packets.dhcp(5, number, server.mac, "10.0.2.99", ADDRESS))
        yield packets.udp(ends, 53, port, packets.dns_answer(number & 0xFFFF, b"exo4.test", "192.0.2.1"))
        yield packets.neighbour(server.mac, MAC, "fe80::66", "fe80::5054:ff:fe12:3456", self.chance.choice((133, 134, 135, 136)))
        yield packets.tcp(ends, (port, server.port), (number, 0), SYN, options=b"\2\4\x05\xb4\4\2\x08\x0a" + some[:8].ljust(8))
        yield packets.tcp(ends, (port, server.port), (number, number ^ 1), self.chance.choice((ACK, RST, FIN | ACK, SYN | ACK)), some)
        if not server.is_tcp:
            yield packets.udp(ends, port, server.port, server.request)

    # What it does ---------------------------------------------------------------------------

    def speak_wrongly(self, server):
        self.send(packet_fuzz.mutate(self.chance, self.chance.choice(list(self.openings(server)))))

    def meet_and_misbehave(self, server):
        """A real connection, and on it all that is wrong; it is left as it is, or reset."""
        met = self.meet(server) if server.is_tcp else None
        if not met:
            return
        ports, (seq, ack) = met
        ends, request = self.ends(server), server.request
        half = self.chance.randrange(1, len(request))
        said = [packets.tcp(ends, ports, (seq, ack), ACK), packets.tcp(ends, ports, (seq, ack), ACK | PSH, request),
                packets.tcp(ends, ports, (seq, ack), ACK | PSH, request[:half]),
                packets.tcp(ends, ports, (seq + half, ack), ACK | PSH, request[half:]),
                packets.tcp(ends, ports, (seq + len(request), ack), ACK | FIN)]
        self.send(said[:self.chance.randrange(3)])
        for _ in range(self.chance.randrange(12)):
            self.send(packet_fuzz.mutate(self.chance, self.chance.choice(said)))
        if self.chance.random() < .5:
            self.send([packets.tcp(ends, ports, (seq + n, ack), RST | ACK) for n in (0, half, len(request), len(request) + 1)])

    def read_in_bits(self, server):
        """A real connection whose window is small, or closes, and grows again by bytes; it says other maxima meanwhile."""
        sizes = (0, 1, 2, 3, 10, 95, 96, 536, 1460, 65535)
        met = self.meet(server, 1.0, self.chance.choice(sizes), self.chance.choice(sizes)) if server.is_tcp else None
        if not met:
            return
        ports, (seq, ack) = met
        ends = self.ends(server)
        self.send([packets.tcp(ends, ports, (seq, ack), ACK | PSH, server.request, window=self.chance.choice(sizes))])
        seq += len(server.request)
        for _ in range(self.chance.randrange(20)):
            heard = self.hear_tcp(ports, lambda flags, data: data, 0.02)
            if heard:
                begin = struct.unpack_from("!I", heard, ETH + IP + 4)[0]
                if begin == ack & 0xFFFFFFFF:
                    ack += self.chance.randint(0, len(segment_data(heard)))
            options = b"\2\4" + struct.pack("!H", self.chance.choice(sizes)) if self.chance.random() < .3 else b""
            self.send([packets.tcp(ends, ports, (seq, ack), ACK, options=options, window=self.chance.choice(sizes))])
        if self.chance.random() < .7:
            self.send([packets.tcp(ends, ports, (seq, ack), RST | ACK)])

    def repeat_others(self, _):
        """What clients have said, once more: as it was, in another order, or broken so that its sums show it."""
        self.hear()
        some = [self.chance.choice(self.others) for _ in range(self.chance.randint(1, 8)) if self.others]
        for frame in some:
            which = self.chance.randrange(3)
            if which == 0:
                self.send([frame] * self.chance.randint(1, 3))
            elif which == 1:
                self.send(packet_fuzz.cut(self.chance, frame))
            else:
                at = self.chance.randrange(ETH + IP, len(frame))
                self.send([frame[:at] + bytes((frame[at] ^ 1 << self.chance.randrange(8),)) + frame[at + 1:]])

    def flood_of_beginnings(self, server):
        """SYNs whose senders do not answer, or are not there."""
        self.send([packets.tcp(self.ends(server, f"10.0.{self.chance.choice((2, 9))}.{self.chance.randint(70, 254)}"),
                               (self.chance.randint(1024, 65535), server.port), (self.chance.randrange(1 << 32), 0), SYN)
                   for _ in range(FLOOD)])

    def flood(self, server):
        self.send([self.chance.choice(list(self.openings(server)))] * FLOOD)

    def claim_addresses(self, server):
        """It tells the server that it is the clients' machine; who is it says so, too."""
        false = packets.arp(server.mac, MAC, self.chance.choice((1, 2)), MAC, HERE, server.mac, self.chance.choice((server.address, HERE)))
        self.send([false, *packet_fuzz.mutate(self.chance, false)])
        self.send([packets.arp(packets.BROADCAST, self.here_mac, 1, self.here_mac, HERE, bytes(6), server.address)] * 2)

    def length_by_length(self, server):
        """One opening, at each of its lengths."""
        frame = self.chance.choice([f for f in self.openings(server) if len(f) < 200])
        self.send(part for part in packet_fuzz.every_length(frame) if len(part) >= ETH)

    DEEDS = ((speak_wrongly, 60), (meet_and_misbehave, 14), (read_in_bits, 6), (repeat_others, 12), (claim_addresses, 4),
             (length_by_length, 4), (flood, 3), (flood_of_beginnings, 3))

    def attack(self, server):
        deeds, weights = zip(*self.DEEDS)
        self.chance.choices(deeds, weights)[0](self, server)
        self.hear()
