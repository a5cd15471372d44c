"""Frames on a serial line: COBS between zero bytes, so that one lost byte costs one frame and never the line.

    0x00  COBS( version, node, kind, rows..., crc low, crc high )  0x00

`node` is the node's address in both directions. A frame carries one or more rows of one kind (messages.py). COBS:
Cheshire and Baker, Consistent Overhead Byte Stuffing, 1999. A zero byte always ends a frame, whatever came before it.
"""

from minegate_wire.crc16 import crc16
from minegate_wire.messages import WIRE_VERSION, enc, row, size

HEAD = 3
FRAME_MAX = 120  # decoded, with head and sum: below 254, so that COBS needs one code byte per zero and no long block


def encode(node: int, kind: int, rows: tuple | list) -> bytes:
    """One whole frame, delimiters included. ValueError if a value does not fit or the frame would be too long."""
    plain = bytearray(HEAD + size(row(kind)[2]) * len(rows) + 2)
    if not rows or len(plain) > FRAME_MAX:
        raise ValueError("frame length")
    if not 0 < node < 256:
        raise ValueError("node address")
    plain[0] = WIRE_VERSION
    plain[1] = node
    plain[2] = kind
    at = HEAD
    for values in rows:
        at = enc(kind, values, plain, at)
    crc = crc16(plain, 0, at)
    plain[at] = crc & 0xFF
    plain[at + 1] = crc >> 8
    out = bytearray(len(plain) + 3)
    code_at = 1
    position = 2
    for byte in plain:
        if byte == 0:
            out[code_at] = position - code_at
            code_at = position
        else:
            out[position] = byte
        position += 1
    out[code_at] = position - code_at
    return bytes(out)


class Receiver:
    """Bytes in, whole good frames out; everything else is counted and thrown away.

    `feed` returns True when `buf[:length]` holds a frame whose sum, version and row length are right. The buffer is
    the receiver's own and is valid until the next `feed`.
    """

    def __init__(self) -> None:
        self.buf = bytearray(FRAME_MAX)
        self.length = 0
        self.good = 0
        self.bad = 0
        self._fill = 0
        self._left = 0  # bytes until the next code byte; 0: the next byte is a code
        self._zero_due = False
        self._broken = False
        self._open = False

    def feed(self, byte: int) -> bool:
        """Take one byte of the line."""
        if byte == 0:
            return self._end()
        self._open = True
        if self._broken:
            return False
        if self._left == 0:
            if self._zero_due:
                self._put(0)
            self._left = byte - 1
            self._zero_due = True
            return False
        self._left -= 1
        self._put(byte)
        return False

    def node(self) -> int:
        """The address in the frame just received."""
        return self.buf[1]

    def kind(self) -> int:
        """The message kind of the frame just received."""
        return self.buf[2]

    def count(self) -> int:
        """How many rows the frame just received carries."""
        return (self.length - HEAD - 2) // size(row(self.buf[2])[2])

    def _put(self, byte: int) -> None:
        if self._fill == FRAME_MAX:
            self._broken = True
            return
        self.buf[self._fill] = byte
        self._fill += 1

    def _end(self) -> bool:
        whole = self._open and not self._broken and self._left == 0
        was_open = self._open
        self.length = self._fill
        self._fill = 0
        self._left = 0
        self._zero_due = False
        self._broken = False
        self._open = False
        if whole and self._known():
            self.good += 1
            return True
        if was_open:
            self.bad += 1
        self.length = 0
        return False

    def _known(self) -> bool:
        end = self.length - 2
        if end <= HEAD or self.buf[0] != WIRE_VERSION:
            return False
        message = row(self.buf[2])
        if not message or (end - HEAD) % size(message[2]) != 0:
            return False
        return crc16(self.buf, 0, end) == self.buf[end] | self.buf[end + 1] << 8
