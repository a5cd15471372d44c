"""The rows of a READING of our own sensor node, whatever bus they came on: record, quality, layout.

The record is the rows as read, in the order in which `channels` declares them. Frame and rows are those of
minegate_wire, the same file the node runs.
"""

from __future__ import annotations

from typing import NamedTuple

from minegate_drivers.channels import Channel, parse
from minegate_drivers.sdk import Field, Heard, Layout, Nonsense, Quality
from minegate_wire.frame import FRAME_MAX, HEAD, SUM
from minegate_wire.messages import (
    READING,
    READING_CALIBRATING,
    READING_FAULT,
    READING_RANGE,
    READING_WARM_UP,
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
ROW_BYTES = size(row(READING)[2])
CHANNELS_MAX = (FRAME_MAX - HEAD - SUM) // ROW_BYTES


class WireRows:
    """What node `node` is declared to measure. A value older than `age_max_ms` is STALE. Its age is what the node says,
    or how long its count has stood still while we looked, whichever is more: whatever repeats an old reading for ever
    is found out.
    """

    def __init__(self, node: int, channels: str, age_max_ms: int, name: str) -> None:
        declared = parse(channels, CHANNELS_MAX)
        self.many = len(declared)
        self.layout = Layout(*_fields(declared), name=name)
        self._node = node
        self._numbers = [channel.number for channel in declared]
        self._age_max_ms = age_max_ms
        self._samples: dict[int, _Sample] = {}

    def heard(self, plain: bytes, now_ms: int) -> Heard:
        """Understand version, node, kind and rows of one good frame. Raises Nonsense."""
        rows = self._rows(plain)
        record = b"".join(rows[number] for number in self._numbers)
        quality = Quality.GOOD
        for number in self._numbers:
            quality |= self._row_quality(number, rows[number], now_ms)
        return Heard(record, quality)

    def _rows(self, plain: bytes) -> dict[int, bytes]:
        if plain[1] != self._node:
            raise Nonsense("foreign", f"node {plain[1]} answered, {self._node} was asked")
        if plain[2] != READING:
            raise Nonsense("function", f"{row(plain[2])[1]} answered, READING was asked")
        body = plain[HEAD:]
        rows = [body[at : at + ROW_BYTES] for at in range(0, len(body), ROW_BYTES)]
        numbers = [one[0] for one in rows]
        if sorted(numbers) != sorted(self._numbers):
            raise Nonsense("format", f"channels {numbers} answered, {self._numbers} are declared")
        return dict(zip(numbers, rows, strict=True))

    def _row_quality(self, number: int, one: bytes, now_ms: int) -> Quality:
        count = int.from_bytes(one[2:4], "little")
        sample = self._samples.get(number)
        if sample is None or sample.sample_count != count:
            sample = self._samples[number] = _Sample(count, now_ms)
        age_ms = max(int.from_bytes(one[4:6], "little"), now_ms - sample.first_ms)
        return status_quality(one[1]) | (Quality.GOOD if age_ms <= self._age_max_ms else Quality.STALE)


class _Sample(NamedTuple):
    sample_count: int
    first_ms: int


def status_quality(status: int) -> Quality:
    """What READING.status says. A bit that this version does not know speaks against the reading."""
    quality = Quality.DEVICE_FAULT if status & _UNASSIGNED else Quality.GOOD
    for bit, meaning in STATUS_BITS.items():
        if status & bit:
            quality |= meaning
    return quality


def _fields(channels: tuple[Channel, ...]) -> list[Field]:
    fields = []
    for index, channel in enumerate(channels):
        at = index * ROW_BYTES
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
