"""Frames on a CAN bus: identifiers, and a frame in segments of eight bytes.

Identifier, 29 bits, in the form of SAE J1939-21, so that the nodes may share a bus with J1939 devices:

    priority(3) 0 0 0xEF(8) destination(8) source(8)        PGN 0xEF00, "Proprietary A"

The gateway is address 0, a node is its own address, 1..253 (254 and 255 mean nobody and everybody in J1939). The
priority follows from the message, so an OPEN passes everything else on the bus; J1939 itself uses 3 and 6.

Segment, one to eight bytes:

    first(1) last(1) turn(1) index(5)     up to seven bytes of  version, node, kind, rows..., crc low, crc high

`turn` changes from frame to frame of a sender, so that segments of two frames are not joined when one was lost. The sum
is the wire's own: the CRC of CAN covers one segment only. Frames of one identifier stay in order; those of different
identifiers may pass each other, hence one Assembler per identifier.
"""

from minegate_wire import messages
from minegate_wire.frame import FRAME_MAX, Received, whole

GATEWAY = 0
NODE_MAX = 253
SEGMENT_MAX = 8
PAYLOAD = SEGMENT_MAX - 1
_PGN = 0xEF << 16
_FIRST = 0x80
_LAST = 0x40
_TURN = 0x20
_INDEX = 0x1F

# the priorities that the plan uses, in the order of urgency
OPENING = 0
PERMITTING = 1
STATING = 2
MEASURING = 3
ASKING = 6


def priority(kind: int) -> int:
    """How urgent a message of `kind` is on the bus: 0 is first."""
    if kind == messages.OPEN or kind == messages.SIGNED_OPEN:
        return OPENING
    if kind == messages.PERMIT or kind == messages.SIGNED_PERMIT:
        return PERMITTING
    if kind == messages.RELAY_STATE:
        return STATING
    if kind == messages.READING:
        return MEASURING
    return ASKING


def identifier(kind: int, destination: int, source: int) -> int:
    """The 29-bit identifier. ValueError if an address is not 0..253."""
    if not 0 <= destination <= NODE_MAX or not 0 <= source <= NODE_MAX:
        raise ValueError("can address")
    return priority(kind) << 26 | _PGN | destination << 8 | source


def segments(length: int) -> int:
    """How many segments a frame of `length` plain bytes takes."""
    return (length + PAYLOAD - 1) // PAYLOAD


def segment(plain: bytes | bytearray, length: int, index: int, turn: int, into: bytearray) -> int:
    """Write segment `index` of `plain[:length]`; its length. Allocates nothing."""
    first = index * PAYLOAD
    end = min(first + PAYLOAD, length)
    control = index | (_TURN if turn & 1 else 0)
    if index == 0:
        control |= _FIRST
    if end == length:
        control |= _LAST
    into[0] = control
    for at in range(first, end):
        into[1 + at - first] = plain[at]
    return 1 + end - first


class Assembler(Received):
    """Segments of one identifier in, whole good frames out; what does not fit together is counted and thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self._fill = 0
        self._turn = 0
        self._next = -1  # the index that must come; -1: only a first segment may

    def take(self, data: bytes | bytearray, length: int) -> bool:
        """Take one segment. True when it completed a frame."""
        if not 2 <= length <= SEGMENT_MAX:
            return self._lost()
        control = data[0]
        if control & _FIRST:
            if self._next >= 0:
                self._lost()
            self._fill = 0
            self._next = 0
            self._turn = control & _TURN
        if control & _INDEX != self._next or control & _TURN != self._turn or self._fill + length - 1 > FRAME_MAX:
            return self._lost()
        for at in range(1, length):
            self.buf[self._fill] = data[at]
            self._fill += 1
        self._next += 1
        if not control & _LAST:
            return False if length == SEGMENT_MAX else self._lost()
        if not whole(self.buf, self._fill):
            return self._lost()
        self.length = self._fill
        self._next = -1
        self.good = min(self.good + 1, 65535)
        return True

    def _lost(self) -> bool:
        self._next = -1
        self.length = 0
        self.bad = min(self.bad + 1, 65535)
        return False
