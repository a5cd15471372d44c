"""The sensor node on the minegate wire: keeps the newest sample of each channel and answers when asked."""

from minegate_wire import messages
from minegate_wire.frame import HEAD, Receiver, encode
from minegate_wire.messages import dec

_TICKS_MASK = (1 << 30) - 1
_AGE_MAX_MS = 65535
_VALUE_MAX = (1 << 29) - 1
FIRMWARE = 1


class SensorNode:
    """Node `address` with `channels` integer channels. A channel that was never set answers with a fault."""

    def __init__(self, address: int, channels: int, boot_nonce: int, reset_cause: int = 0) -> None:
        self.address = address
        self._boot_nonce = boot_nonce
        self._reset_cause = reset_cause
        self._values = [0] * channels
        self._status = [messages.READING_FAULT] * channels
        self._ages_ms = [_AGE_MAX_MS] * channels
        self._count = 0
        self._receiver = Receiver()
        self._fields = [0] * 8
        self._reply = b""
        self._last_ms = -1

    def set(self, channel: int, value: int, status: int = 0) -> None:
        """A new sample, in the channel's declared scale. A value beyond the wire's range is held there and flagged."""
        if not -_VALUE_MAX <= value <= _VALUE_MAX:
            value = _VALUE_MAX if value > 0 else -_VALUE_MAX
            status |= messages.READING_RANGE
        self._values[channel] = value
        self._status[channel] = status
        self._ages_ms[channel] = 0

    def feed(self, data: bytes | bytearray) -> None:
        """Bytes of the line as they come."""
        for byte in data:
            if self._receiver.feed(byte) and self._receiver.node() == self.address:
                self._take()

    def step(self, now_ms: int) -> None:
        """Once per loop: samples grow older, and never younger again without `set`."""
        elapsed_ms = 0 if self._last_ms < 0 else (now_ms - self._last_ms) & _TICKS_MASK
        self._last_ms = now_ms
        for channel in range(len(self._ages_ms)):
            self._ages_ms[channel] = min(self._ages_ms[channel] + elapsed_ms, _AGE_MAX_MS)

    def reply(self) -> bytes:
        """What is to be sent now; empty if nothing was asked."""
        out = self._reply
        self._reply = b""
        return out

    def _take(self) -> None:
        if self._receiver.kind() != messages.ASK or self._receiver.count() != 1:
            return
        dec(messages.ASK, self._receiver.buf, HEAD, self._fields)
        if self._fields[0] == messages.READING:
            self._count = (self._count + 1) & 0xFFFF
            rows = []
            for channel in range(len(self._values)):
                rows.append(
                    (channel, self._status[channel], self._count, self._ages_ms[channel], self._values[channel])
                )
            self._reply = encode(self.address, messages.READING, rows)
        elif self._fields[0] == messages.HELLO:
            channels = len(self._values)
            hello = (
                messages.SENSOR_NODE,
                messages.WIRE_VERSION,
                FIRMWARE,
                self._boot_nonce,
                channels,
                self._reset_cause,
            )
            self._reply = encode(self.address, messages.HELLO, (hello,))
