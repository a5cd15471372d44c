"""The sensor node on the minegate wire: keeps the newest sample of each channel and answers when asked."""

from minegate_wire import messages
from minegate_wire.frame import HEAD, Frame, Received, Receiver
from minegate_wire.messages import dec

_TICKS_MASK = (1 << 30) - 1
_AGE_MAX_MS = 65535
_VALUE_MAX = (1 << 29) - 1
_UPTIME_MAX_MS = 65535000
FIRMWARE = 2


class SensorNode:
    """Node `address` with `channels` integer channels. A channel that was never set answers with a fault."""

    def __init__(self, address: int, channels: int, boot_nonce: int, reset_cause: int = 0) -> None:
        self.address = address
        self.frame = Frame()  # the reply, valid until the next `feed`, `take` or `reply`
        self.receiver = Receiver()
        self._boot_nonce = boot_nonce
        self._reset_cause = reset_cause
        self._values = [0] * channels
        self._status = [messages.READING_FAULT] * channels
        self._ages_ms = [_AGE_MAX_MS] * channels
        self._count = 0
        self._fields = [0] * 10
        self._replies = False
        self._last_ms = -1
        self._uptime_ms = 0
        self._foreign = 0

    def set(self, channel: int, value: int, status: int = 0) -> None:
        """A new sample, in the channel's declared scale. A value beyond the wire's range is held there and flagged."""
        if not -_VALUE_MAX <= value <= _VALUE_MAX:
            value = _VALUE_MAX if value > 0 else -_VALUE_MAX
            status |= messages.READING_RANGE
        self._values[channel] = value
        self._status[channel] = status
        self._ages_ms[channel] = 0

    def feed(self, data: bytes | bytearray, length: int = -1) -> None:
        """Bytes of the line as they come: `data[:length]`, or all of it."""
        for at in range(len(data) if length < 0 else length):
            if self.receiver.feed(data[at]):
                self.take(self.receiver)

    def take(self, received: Received) -> bool:
        """One whole frame, from whatever bus. Whether it is answered."""
        if received.node() != self.address:
            self._foreign = min(self._foreign + 1, 65535)
            return False
        if received.kind() != messages.ASK or received.count() != 1:
            return False
        dec(messages.ASK, received.buf, HEAD, self._fields)
        kind = self._fields[0]
        self._replies = kind == messages.READING or kind == messages.HELLO or kind == messages.DIAG
        if self._replies:
            self.make(kind)
        return self._replies

    def step(self, now_ms: int) -> None:
        """Once per loop: samples grow older, and never younger again without `set`."""
        elapsed_ms = 0 if self._last_ms < 0 else (now_ms - self._last_ms) & _TICKS_MASK
        self._last_ms = now_ms
        self._uptime_ms = min(self._uptime_ms + elapsed_ms, _UPTIME_MAX_MS)
        for channel in range(len(self._ages_ms)):
            self._ages_ms[channel] = min(self._ages_ms[channel] + elapsed_ms, _AGE_MAX_MS)

    def reply_length(self) -> int:
        """How many bytes of `frame.line` are to be sent now; 0 if nothing was asked. A second call says 0."""
        length = self.frame.length if self._replies else 0
        self._replies = False
        return length

    def reply(self) -> bytes:
        """What is to be sent now, as an object of its own; empty if nothing was asked."""
        return bytes(self.frame.line[: self.reply_length()])

    def make(self, kind: int) -> Frame:
        """READING, HELLO or DIAG as they are now, in `frame`."""
        self.frame.begin(self.address, kind)
        if kind == messages.READING:
            self._tell_readings()
        elif kind == messages.HELLO:
            self._tell_hello()
        else:
            self._tell_diag()
        self.frame.close()
        return self.frame

    def _tell_readings(self) -> None:
        fields = self._fields
        self._count = (self._count + 1) & 0xFFFF
        for channel in range(len(self._values)):
            fields[0] = channel
            fields[1] = self._status[channel]
            fields[2] = self._count
            fields[3] = self._ages_ms[channel]
            fields[4] = self._values[channel]
            self.frame.add(fields)

    def _tell_hello(self) -> None:
        fields = self._fields
        fields[0] = messages.SENSOR_NODE
        fields[1] = messages.WIRE_VERSION
        fields[2] = FIRMWARE
        fields[3] = self._boot_nonce
        fields[4] = len(self._values)
        fields[5] = self._reset_cause
        self.frame.add(fields)

    def _tell_diag(self) -> None:
        fields = self._fields
        fields[0] = self.receiver.good
        fields[1] = self.receiver.bad
        fields[2] = self._foreign
        fields[3] = self._uptime_ms // 1000
        fields[4] = 0
        self.frame.add(fields)
