"""A peer that is the test itself: frames that it sends to the control socket go out, those that come in it gets."""
import select
import socket

from tap_net import OUTGOING


def serve(wire):
    while True:
        ready, _, _ = select.select([wire.raw, wire.control], [], [])
        if wire.control in ready:
            frame = wire.control.recv(65536)
            if not frame:
                return
            wire.raw.send(frame)
        if wire.raw in ready:
            frame, (_, _, kind, *_) = wire.raw.recvfrom(65536)
            if kind != OUTGOING:
                try:
                    wire.control.send(frame, socket.MSG_DONTWAIT)
                except OSError:  # the test does not listen, or is over
                    pass
