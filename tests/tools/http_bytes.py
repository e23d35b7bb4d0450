"""HTTP by the byte, for tests that send what no client would."""


def read_all(s):
    """What comes through a socket until the other side ends."""
    got = b""
    while data := s.recv(1 << 16):
        got += data
    return got


def get(path, close=False):
    """A request; the last one of its connection?"""
    end = "Connection: close\r\n" if close else ""
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{end}\r\n".encode()
