"""The node's end of a CAN bus: segments in and out of one small port, whatever controller is behind it."""

from minegate_wire.can_frames import (
    ASKING,
    GATEWAY,
    OPENING,
    PERMITTING,
    SEGMENT_MAX,
    Assembler,
    identifier,
    segment,
    segments,
)
from minegate_wire.frame import FRAME_MAX, Frame, Received

_HEARD_MAX = 16  # segments per call, so that a flood cannot hold up the loop
_WITHOUT_PRIORITY = (1 << 26) - 1
RESTART_FIRST_MS = 500
RESTART_MAX_MS = 32000
_TICKS_MASK = (1 << 30) - 1


class CanPort:
    """One controller. The hardware abstraction has one for each interface that MicroPython knows."""

    identifier = 0
    length = 0
    data = bytearray(0)

    def recv(self) -> bool:
        """Take the next data frame of 29 bits into `identifier`, `data` and `length`; False if none waits."""
        raise NotImplementedError

    def send(self, identifier: int, buf: bytearray, length: int) -> bool:
        """Queue `buf[:length]`. False if it must be tried again."""
        raise NotImplementedError

    def off(self) -> bool:
        """Whether the controller has taken itself off the bus."""
        raise NotImplementedError

    def restart(self) -> None:
        """Ask it to come back."""
        raise NotImplementedError


class CanLink:
    """Node `address` on `port`. Allocates nothing after its making."""

    def __init__(self, address: int, port: CanPort) -> None:
        self.dropped = 0
        self._port = port
        self._address = address
        self._mine = identifier(0, address, GATEWAY) & _WITHOUT_PRIORITY
        self._assemblers: list = [None] * 8
        for priority in (OPENING, PERMITTING, ASKING):
            self._assemblers[priority] = Assembler()
        self._plain = bytearray(FRAME_MAX)
        self._part = bytearray(SEGMENT_MAX)
        self._length = 0
        self._next = 0
        self._many = 0
        self._turn = 0
        self._identifier = 0
        self._off_ms = 0
        self._wait_ms = RESTART_FIRST_MS
        self._last_ms = -1

    def hear(self) -> Received | None:
        """The next whole frame for this node, or None when nothing more waits."""
        port = self._port
        for _ in range(_HEARD_MAX):
            if not port.recv():
                return None
            if port.identifier & _WITHOUT_PRIORITY == self._mine:
                assembler: Assembler | None = self._assemblers[port.identifier >> 26]
                if assembler is not None and assembler.take(port.data, port.length):
                    return assembler
        return None

    def send(self, frame: Frame) -> bool:
        """Begin to send a closed frame. False, counted, while the one before is still on its way."""
        if self._next < self._many:
            self.dropped = min(self.dropped + 1, 65535)
            return False
        for at in range(frame.end):
            self._plain[at] = frame.plain[at]
        self._length = frame.end
        self._identifier = identifier(frame.plain[2], GATEWAY, self._address)
        self._many = segments(frame.end)
        self._next = 0
        self._turn ^= 1
        return True

    def step(self, now_ms: int) -> bool:
        """Push what the controller takes, and bring it back on the bus with growing patience. Whether it is off."""
        elapsed_ms = 0 if self._last_ms < 0 else (now_ms - self._last_ms) & _TICKS_MASK
        self._last_ms = now_ms
        if self._port.off():
            self._next = self._many = 0
            self._off_ms += elapsed_ms
            if self._off_ms >= self._wait_ms:
                self._off_ms = 0
                self._wait_ms = min(2 * self._wait_ms, RESTART_MAX_MS)
                self._port.restart()
            return True
        self._off_ms = 0
        self._push()
        return False

    def _push(self) -> None:
        while self._next < self._many:
            length = segment(self._plain, self._length, self._next, self._turn, self._part)
            if not self._port.send(self._identifier, self._part, length):
                return
            self._next += 1
        self._wait_ms = RESTART_FIRST_MS if self._many else self._wait_ms
