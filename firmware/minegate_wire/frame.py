"""Frames on a serial line: COBS between zero bytes, so that one lost byte costs one frame and never the line.

    0x00  COBS( version, node, kind, rows..., crc low, crc high )  0x00

`node` is the node's address in both directions. A frame carries one or more rows of one kind (messages.py). COBS:
Cheshire and Baker, Consistent Overhead Byte Stuffing, 1999. A zero byte always ends a frame, whatever came before it.
"""

from minegate_wire.crc16 import crc16
from minegate_wire.messages import WIRE_VERSION, enc, put, row, size

HEAD = 3
SUM = 2
FRAME_MAX = 120  # decoded, with head and sum: below 254, so that COBS needs one code byte per zero and no long block
LINE_MAX = FRAME_MAX + 3  # with code byte and both delimiters


def encode(node: int, kind: int, rows: tuple | list) -> bytes:
    """One whole frame, delimiters included. ValueError if a value does not fit or the frame would be too long."""
    if not rows or HEAD + size(row(kind)[2]) * len(rows) + SUM > FRAME_MAX:
        raise ValueError("frame length")
    frame = Frame()
    frame.begin(node, kind)
    for values in rows:
        frame.end = enc(kind, values, frame.plain, frame.end)
    frame.close()
    return bytes(frame.line[: frame.length])


class Frame:
    """A frame in the making, in buffers of its own, so that a node allocates nothing: `begin`, `add`, `close`.

    Afterwards `plain[:end]` is what a CAN bus carries (can_frames.py) and `line[:length]` what a serial line carries.
    """

    def __init__(self) -> None:
        self.plain = bytearray(FRAME_MAX)
        self.line = bytearray(LINE_MAX)
        self.end = 0
        self.length = 0

    def begin(self, node: int, kind: int) -> None:
        """ValueError if there is no such node or message."""
        if not 0 < node < 256:
            raise ValueError("node address")
        if not row(kind):
            raise ValueError("no such message row")
        self.plain[0] = WIRE_VERSION
        self.plain[1] = node
        self.plain[2] = kind
        self.end = HEAD
        self.length = 0

    def room(self) -> bool:
        """Whether another row fits."""
        return self.end + size(row(self.plain[2])[2]) + SUM <= FRAME_MAX

    def add(self, values: tuple | list) -> None:
        """One row, from the first items of `values`. ValueError if one does not fit its field or there is no room."""
        if not self.room():
            raise ValueError("frame length")
        self.end = put(self.plain[2], values, self.plain, self.end)

    def close(self) -> int:
        """Sum and stuffing; the length on the line."""
        plain = self.plain
        crc = crc16(plain, 0, self.end)
        plain[self.end] = crc & 0xFF
        plain[self.end + 1] = crc >> 8
        self.end += SUM
        line = self.line
        line[0] = 0
        code_at = 1
        position = 2
        for index in range(self.end):
            if plain[index] == 0:
                line[code_at] = position - code_at
                code_at = position
            else:
                line[position] = plain[index]
            position += 1
        line[code_at] = position - code_at
        line[position] = 0
        self.length = position + 1
        return self.length


def whole(buf: bytes | bytearray, length: int) -> bool:
    """Whether `buf[:length]` is a frame: version, known message, whole rows, sum."""
    end = length - SUM
    if end <= HEAD or buf[0] != WIRE_VERSION:
        return False
    message = row(buf[2])
    if not message or (end - HEAD) % size(message[2]) != 0:
        return False
    return crc16(buf, 0, end) == buf[end] | buf[end + 1] << 8


class Received:
    """`buf[:length]` holds a frame whose sum, version and row length are right, or `length` is 0. The buffer is the
    receiver's own and is valid until it is fed again.
    """

    def __init__(self) -> None:
        self.buf = bytearray(FRAME_MAX)
        self.length = 0
        self.good = 0
        self.bad = 0

    def node(self) -> int:
        """The address in the frame just received."""
        return self.buf[1]

    def kind(self) -> int:
        """The message kind of the frame just received."""
        return self.buf[2]

    def count(self) -> int:
        """How many rows the frame just received carries."""
        return (self.length - HEAD - SUM) // size(row(self.buf[2])[2])


class Receiver(Received):
    """Bytes of a serial line in, whole good frames out; everything else is counted and thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self._fill = 0
        self._left = 0  # bytes until the next code byte; 0: the next byte is a code
        self._zero_due = False
        self._broken = False
        self._open = False

    def feed(self, byte: int) -> bool:
        """Take one byte of the line. True when it completed a frame."""
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

    def _put(self, byte: int) -> None:
        if self._fill == FRAME_MAX:
            self._broken = True
            return
        self.buf[self._fill] = byte
        self._fill += 1

    def _end(self) -> bool:
        closed = self._open and not self._broken and self._left == 0
        was_open = self._open
        self.length = self._fill
        self._fill = 0
        self._left = 0
        self._zero_due = False
        self._broken = False
        self._open = False
        if closed and whole(self.buf, self.length):
            self.good = min(self.good + 1, 65535)
            return True
        if was_open:
            self.bad = min(self.bad + 1, 65535)
        self.length = 0
        return False
