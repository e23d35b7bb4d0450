"""A peer for tests of many flows: it sends as many packets of as many UDP flows as it is asked for by a
packet of its own kind, and gives every UDP packet back to where it came from."""
import struct

OWN_KIND = 0x88B5  # Ethernet type, for local experiments
REQUEST = struct.Struct("!HHHH")  # flows, packets of each, first port, number of the request
PORT = 9                          # that all of them are for
HOST, GUEST = bytes((10, 77, 0, 1)), bytes((10, 77, 0, 2))
OWN_MAC = bytes((2, 0, 0, 0, 0, 1))
IPV4, UDP = 0x0800, 17


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(to, port, payload):
    """A frame of the flow from `port` of this host; no checksum of its own, which UDP allows."""
    length = 8 + len(payload)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, UDP, 0) + HOST + GUEST
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return (to + OWN_MAC + struct.pack("!H", IPV4) + ip
            + struct.pack("!HHHH", port, PORT, length, 0) + payload)


def answer(wire, guest, request):
    """What was asked for, one packet of each flow after the other; then the request itself."""
    flows, packets, first, number = REQUEST.unpack_from(request)
    for count in range(packets):
        for flow in range(flows):
            wire.send(datagram(guest, first + flow, struct.pack("!HH", number, count)))
    wire.send(guest + OWN_MAC + struct.pack("!H", OWN_KIND) + request)


def give_back(wire, frame):
    """The same packet, with both sides exchanged: no sum changes."""
    wire.send(frame[6:12] + frame[:6] + frame[12:26] + frame[30:34] + frame[26:30]
              + frame[36:38] + frame[34:36] + frame[38:])


def serve(wire):
    while True:
        frame = wire.receive()
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == OWN_KIND:
            answer(wire, frame[6:12], frame[14:])
        elif kind == IPV4 and frame[14] == 0x45 and frame[23] == UDP:
            give_back(wire, frame)
