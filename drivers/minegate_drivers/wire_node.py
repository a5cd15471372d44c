"""A sensor node of this project: asked for READING, it answers one frame with a row per channel.

The record is the rows as read, in the order in which `channels` declares them. Frame and rows are those of
minegate_wire, the same file the node runs.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from minegate_drivers.channels import Channel, parse
from minegate_drivers.sdk import Catalogued, Field, Heard, Layout, LineDriver, Nonsense, Option, Quality
from minegate_wire.frame import FRAME_MAX, HEAD, Receiver, encode
from minegate_wire.messages import (
    ASK,
    READING,
    READING_CALIBRATING,
    READING_FAULT,
    READING_RANGE,
    READING_WARM_UP,
    WIRE_VERSION,
    row,
    size,
)

STATUS_BITS = {
    READING_FAULT: Quality.DEVICE_FAULT,
    READING_RANGE: Quality.OUT_OF_RANGE,
    READING_CALIBRATING: Quality.CALIBRATING,
    READING_WARM_UP: Quality.SUSPENDED,
}
_UNASSIGNED = 0xFF & ~sum(STATUS_BITS)
_ROW_BYTES = size(row(READING)[2])
_SUM_BYTES = 2
_AROUND_BYTES = HEAD + _SUM_BYTES + 3  # what a frame of up to FRAME_MAX has besides its rows; 3: COBS code, two zeros
CHANNELS_MAX = (FRAME_MAX - HEAD - _SUM_BYTES) // _ROW_BYTES


class WireNode(LineDriver, Catalogued):
    """Sensor node on the minegate wire: all channels in one answer, each with status, age and sample count.

    A value older than `age_max_ms` is STALE. Its age is what the node says, or how long its count has
    stood still while we asked, whichever is more: whatever repeats an old answer for ever is found out.
    """

    name: ClassVar[str] = "wire_node"
    options: ClassVar[dict[str, Option]] = {
        "node": Option(int, low=1, high=255, help="address of the node"),
        "channels": Option(str, help="one channel per line: number name [quantity= unit= scale= offset= low= high=]"),
        "age_max_ms": Option(int, 1000, low=10, high=60_000, help="a value older than this is stale"),
    }

    def __init__(self, *, node: int, channels: str, age_max_ms: int) -> None:
        declared = parse(channels, CHANNELS_MAX)
        self._node = node
        self._numbers = [channel.number for channel in declared]
        self._age_max_ms = age_max_ms
        self._request = encode(node, ASK, ((READING,),))
        self._answer_bytes = _AROUND_BYTES + _ROW_BYTES * len(declared)
        self._asked_ms = 0
        self._samples: dict[int, _Sample] = {}
        self.layouts = (Layout(*_fields(declared), name=self.name),)

    def ask(self, now_ms: int) -> bytes | None:
        """The same request every time."""
        self._asked_ms = now_ms
        return self._request

    def missing(self, heard: bytes) -> int:
        """Up to the zero byte that closes an opened frame; what comes before its opening zero is not ours."""
        opened = heard.find(0)
        frame = b"" if opened < 0 else heard[opened:].lstrip(b"\0")
        if 0 in frame or len(heard) > 2 * self._answer_bytes + FRAME_MAX:
            return 0
        opening = 0 if opened < 0 else 1
        return max(1, self._answer_bytes - opening - len(frame))

    def hear(self, frame: bytes) -> Heard:
        """See LineDriver."""
        rows = self._rows(_plain(frame))
        record = b"".join(rows[number] for number in self._numbers)
        quality = Quality.GOOD
        for number in self._numbers:
            quality |= self._row_quality(number, rows[number])
        return Heard(record, quality)

    def _rows(self, plain: bytes) -> dict[int, bytes]:
        if plain[1] != self._node:
            raise Nonsense("foreign", f"node {plain[1]} answered, {self._node} was asked")
        if plain[2] != READING:
            raise Nonsense("function", f"{row(plain[2])[1]} answered, READING was asked")
        body = plain[HEAD:]
        rows = [body[at : at + _ROW_BYTES] for at in range(0, len(body), _ROW_BYTES)]
        numbers = [one[0] for one in rows]
        if sorted(numbers) != sorted(self._numbers):
            raise Nonsense("format", f"channels {numbers} answered, {self._numbers} are declared")
        return dict(zip(numbers, rows, strict=True))

    def _row_quality(self, number: int, one: bytes) -> Quality:
        count = int.from_bytes(one[2:4], "little")
        sample = self._samples.get(number)
        if sample is None or sample.sample_count != count:
            sample = self._samples[number] = _Sample(count, self._asked_ms)
        age_ms = max(int.from_bytes(one[4:6], "little"), self._asked_ms - sample.first_asked_ms)
        return status_quality(one[1]) | (Quality.GOOD if age_ms <= self._age_max_ms else Quality.STALE)


class _Sample(NamedTuple):
    sample_count: int
    first_asked_ms: int


def status_quality(status: int) -> Quality:
    """What READING.status says. A bit that this version does not know speaks against the reading."""
    quality = Quality.DEVICE_FAULT if status & _UNASSIGNED else Quality.GOOD
    for bit, meaning in STATUS_BITS.items():
        if status & bit:
            quality |= meaning
    return quality


def _plain(heard: bytes) -> bytes:
    """Version, node, kind and rows of the first good frame in `heard`. Raises Nonsense."""
    receiver = Receiver()
    for byte in heard:
        if receiver.feed(byte):
            return bytes(receiver.buf[: receiver.length - _SUM_BYTES])
    if receiver.bad == 0:
        raise Nonsense("length", f"{len(heard)} bytes and no end of a frame")
    if receiver.bad == 1 and receiver.buf[0] != WIRE_VERSION:
        raise Nonsense("format", f"wire version {receiver.buf[0]}, this gateway speaks {WIRE_VERSION}")
    raise Nonsense("crc", f"none of {receiver.bad} frames is whole")


def _fields(channels: tuple[Channel, ...]) -> list[Field]:
    fields = []
    for index, channel in enumerate(channels):
        at = index * _ROW_BYTES
        value = Field(
            channel.name, "<i4", channel.scale, channel.offset, channel.quantity, channel.unit,
            channel.low, channel.high, at=at + 6,
        )  # fmt: skip
        fields += [
            value,
            Field(f"{channel.name}_status", "<u1", at=at + 1),
            Field(f"{channel.name}_count", "<u2", at=at + 2),
            Field(f"{channel.name}_age", "<u2", unit="ms", at=at + 4),
        ]
    return fields
