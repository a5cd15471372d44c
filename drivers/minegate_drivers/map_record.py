"""From one read of a device map to a record: registers in one byte order, computed values behind them.

The record begins with the bytes as read; where a map says that words or bytes are swapped they are put in order, which
loses nothing. BCD, signals and their states cannot be said with type, scale and offset: they follow as float64 and
state bytes. What cannot be decoded is NaN.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from minegate_drivers.device_map import BIT_TABLES, DeviceMap, MapField
from minegate_drivers.sdk import Field, Heard, Layout, Nonsense, Quality
from minegate_drivers.signals import QUALITY, Signal, SignalState, named

_LETTERS = {
    "u16": ">u2", "i16": ">i2", "u32": ">u4", "i32": ">i4", "u64": ">u8", "i64": ">i8", "f32": ">f4", "f64": ">f8",
}  # fmt: skip
_COMPUTED = struct.Struct(">d")


class Read(NamedTuple):
    """One request's worth: consecutive registers or bits of one table."""

    table: str
    first: int
    length: int
    fields: tuple[MapField, ...]


def reads(device_map: DeviceMap) -> tuple[Read, ...]:
    """The requests that bring all fields: few, none longer than the device answers, gaps read along where that is
    cheaper than another request.
    """
    found: list[Read] = []
    for table in ("coil", "discrete", "holding", "input"):
        limit = 2000 if table in BIT_TABLES else device_map.device.registers_max
        fields = [field for field in device_map.field if device_map.table(field) == table]
        run: list[MapField] = []
        for field in sorted(fields, key=lambda field: field.register):
            if run and not _joins(run, field, device_map.device.gap_max, limit):
                found.append(_read(table, run))
                run = []
            run.append(field)
        if run:
            found.append(_read(table, run))
    return tuple(found)


def _end(run: Sequence[MapField]) -> int:
    return max(field.register + field.count for field in run)


def _joins(run: Sequence[MapField], field: MapField, gap_max: int, limit: int) -> bool:
    end = max(_end(run), field.register + field.count)
    return field.register - _end(run) <= gap_max and end - run[0].register <= limit


def _read(table: str, run: Sequence[MapField]) -> Read:
    return Read(table, run[0].register, _end(run) - run[0].register, tuple(run))


class Record:
    """Makes the record of one read. ValueError if two fields want the same bytes in different orders."""

    def __init__(self, device_map: DeviceMap, read: Read) -> None:
        self._map = device_map
        self._read = read
        self.size = (read.length + 7) // 8 if read.table in BIT_TABLES else 2 * read.length
        self._order = self._ordered()
        self._computed: list[tuple[Callable[[bytes], Signal], MapField]] = []
        self._texts = [field for field in read.fields if field.type == "text"]
        self._status = [field for field in read.fields if field.is_status]
        fields = [made for field in read.fields for made in self._fields(field)]
        if not fields:
            raise ValueError(f"registers {read.first}..{read.first + read.length - 1}: a read without a value")
        self.layout = Layout(*fields, name=f"{device_map.device.name}_{read.table}_{read.first}", size=self.size)

    def make(self, values: bytes, part: int) -> Heard:
        """The record of `values`, the bytes of one answer. Raises Nonsense("foreign") if this is another device."""
        ordered = bytes(values[at] for at in self._order) if self._order else values
        for field in self._texts:
            said = self.text(ordered, field)
            if field.expect and said != field.expect:
                raise Nonsense("foreign", f"{field.name} is {said!r}, not {field.expect!r}")
        quality = self._quality(ordered)
        if not self._computed:
            return Heard(ordered, quality, part)
        behind = b""
        for read, field in self._computed:
            signal = read(ordered)
            behind += _COMPUTED.pack(signal.value) + bytes((signal.state,))
            if len(self._computed) == 1 and field.signal:  # it speaks for the whole record only if it is the only one
                quality |= QUALITY[signal.state]
        return Heard(ordered + behind, quality, part)

    def text(self, record: bytes, field: MapField) -> str:
        """The text of `field`, without what fills it up; what is not ASCII becomes ?."""
        at = self._at(field)
        return record[at : at + 2 * field.length].rstrip(b"\0 ").decode("ascii", "replace").replace("\ufffd", "?")

    def _at(self, field: MapField) -> int:
        return 2 * (field.register - self._read.first)

    def _ordered(self) -> tuple[int, ...] | None:
        """For each byte of the record, which byte of the answer it is; None: all as they come."""
        order = list(range(self.size))
        taken: dict[int, tuple[str, list[int]]] = {}
        for field in self._read.fields:
            if field.type == "bool":
                continue
            at, size = self._at(field), 2 * field.count
            words = [[at + 2 * n, at + 2 * n + 1] for n in range(field.count)]
            if (field.bytes or self._map.device.bytes) == "little":
                words = [word[::-1] for word in words]
            if (field.words or self._map.device.words) == "little" and field.type != "text":
                words = words[::-1]
            wanted = [byte for word in words for byte in word]
            for place in range(at, at + size):
                other, before = taken.setdefault(place, (field.name, [wanted[place - at]]))
                if before != [wanted[place - at]]:
                    raise ValueError(f"fields {other} and {field.name} want register bytes in different orders")
            order[at : at + size] = wanted
        return tuple(order) if order != list(range(self.size)) else None

    def _fields(self, field: MapField) -> list[Field]:
        if field.type == "text":
            return []
        about = (field.scale, field.offset, field.quantity, field.unit, field.low, field.high)
        if field.type == "bool":
            bit = field.register - self._read.first
            return [Field(field.name, ">u1", *about, at=bit // 8, bit=bit % 8, bits=1)]
        if not field.signal and not field.type.startswith("bcd"):
            at, letter = self._at(field), _LETTERS[field.type]
            if field.bit is None:
                return [Field(field.name, letter, *about, at=at)]
            width = 16 * field.count
            bit = field.bit if self._map.device.bits == "lsb0" else width - field.bit - field.bits
            return [Field(field.name, letter, *about, at=at, bit=bit, bits=field.bits)]
        at = self.size + len(self._computed) * (_COMPUTED.size + 1)
        self._computed.append((self._reader(field), field))
        value = Field(field.name, ">f8", 1.0, 0.0, field.quantity, field.unit, field.low, field.high, at=at)
        if field.signal.startswith("ma_"):
            value = Field(field.name, ">f8", 1.0, 0.0, field.quantity, "", 0.0, 1.0, at=at)
        return [value, Field(f"{field.name}_state", ">u1", at=at + _COMPUTED.size)]

    def _reader(self, field: MapField) -> Callable[[bytes], Signal]:
        at, size, scale, offset = self._at(field), 2 * field.count, field.scale, field.offset
        raw = bcd if field.type.startswith("bcd") else _number(field.type)
        meaning = named(field.signal, field.low, field.high) if field.signal else _plain

        def read(record: bytes) -> Signal:
            return meaning(raw(record[at : at + size]) * scale + offset)

        return read

    def _quality(self, record: bytes) -> Quality:
        quality = Quality.GOOD
        for field in self._status:
            at = self._at(field)
            word = int.from_bytes(record[at : at + 2 * field.count], "big")
            said = field.status_bits()
            known = sum(1 << bit for bit in {*said, *field.must})
            quality |= Quality.DEVICE_FAULT if word & ~known else Quality.GOOD
            quality |= Quality.GOOD if all(word >> bit & 1 for bit in field.must) else Quality.SUSPENDED
            for bit, meaning in said.items():
                quality |= meaning if word >> bit & 1 else Quality.GOOD
        return quality


def bcd(digits: bytes) -> float:
    """Binary coded decimal, most significant byte first; NaN if a half byte is no digit."""
    text = digits.hex()
    return float(text) if text.isdecimal() else math.nan


def _number(kind: str) -> Callable[[bytes], float]:
    letters = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q", "f32": ">f", "f64": ">d"}
    packed = struct.Struct(letters[kind])
    return lambda raw: float(packed.unpack(raw)[0])


def _plain(value: float) -> Signal:
    return Signal(value, SignalState.FAULT if math.isnan(value) else SignalState.GOOD)
