"""What a driver is written with: Quality, Field, Layout, the three kinds of Driver, and Nonsense.

A driver turns requests into bytes and bytes into records. It knows no port, task, clock or retry, so the same file runs
on hardware, in the simulator and on a text capture, which is its test (drivers/README.md).
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntFlag
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from minegate_drivers.ports import CanFrame, Message


class Quality(IntFlag):
    """What is known against a reading. Flags, never mixed with the value; GOOD is the absence of all."""

    GOOD = 0
    STALE = 1
    OUT_OF_RANGE = 2
    NEGATIVE_DRIFT = 4
    LINE_BREAK = 8
    DEVICE_FAULT = 16
    CALIBRATING = 32
    SUSPENDED = 64
    SUBSTITUTED = 128
    CLOCK_UNSYNCHRONISED = 256


class Nonsense(Exception):  # noqa: N818 - the house's word for a frame that cannot be believed
    """A frame that is not what it should be. Counted and shown, never fatal. `kind` is one of the words below."""

    KINDS = ("crc", "length", "foreign", "function", "exception", "format", "checksum", "value")

    def __init__(self, kind: str, detail: str = "") -> None:
        assert kind in self.KINDS, kind
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


_TYPES = {"u1": "B", "i1": "b", "u2": "H", "i2": "h", "u4": "I", "i4": "i", "u8": "Q", "i8": "q", "f4": "f", "f8": "d"}


@dataclass(frozen=True, slots=True)
class Field:
    """One value inside a record: `value = raw * scale + offset`.

    `type` is byte order, letter and size in bytes (`>u2`, `<i4`, `>f4`); it lies at byte `at` (None: behind the field
    before). With `bits`, raw is the `bits` wide slice that starts at bit `bit` (0 = least significant) of that integer,
    sign-extended for `i` types. `low` and `high` are the range in which the value can be believed, in `unit`.
    """

    name: str
    type: str
    scale: float = 1.0
    offset: float = 0.0
    quantity: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    at: int | None = None
    bit: int = 0
    bits: int | None = None

    def __post_init__(self) -> None:
        if self.type[:1] not in "<>" or self.type[1:] not in _TYPES:
            raise ValueError(f"field {self.name}: type {self.type!r} is not one of [<>]{{{', '.join(_TYPES)}}}")
        if self.bits is None:
            return
        if self.type[1] == "f" or self.bits < 1 or self.bit < 0 or self.bit + self.bits > 8 * self.size:
            raise ValueError(f"field {self.name}: {self.bits} bits from bit {self.bit} are not inside {self.type}")

    @property
    def size(self) -> int:
        """Bytes that the field's type takes in the record."""
        return int(self.type[2])


class Layout:
    """How to understand a record. Compiled once; a record of another length is Nonsense."""

    def __init__(self, *fields: Field, name: str = "", size: int | None = None) -> None:
        placed = tuple(_place(fields))
        names = [field.name for field in placed]
        if len(set(names)) != len(names):
            raise ValueError(f"layout {name!r}: a field name appears twice in {names}")
        self.name = name
        self.fields = placed
        self.size = max([size or 0, *((field.at or 0) + field.size for field in placed)])
        self._unpack = [(struct.Struct(f.type[0] + _TYPES[f.type[1:]]).unpack_from, f) for f in placed]

    def decode(self, record: bytes) -> tuple[float, ...]:
        """The physical values in the order of `fields`. Nonsense("length") if the record is not `size` bytes long."""
        if len(record) != self.size:
            raise Nonsense("length", f"record of {len(record)} bytes, layout {self.name!r} has {self.size}")
        return tuple(_physical(unpack(record, field.at or 0)[0], field) for unpack, field in self._unpack)


def _place(fields: tuple[Field, ...]) -> Iterator[Field]:
    behind = 0
    for field in fields:
        at = behind if field.at is None else field.at
        behind = at + field.size
        yield Field(
            field.name, field.type, field.scale, field.offset, field.quantity, field.unit,
            field.low, field.high, at, field.bit, field.bits,
        )  # fmt: skip


def _physical(raw: float, field: Field) -> float:
    if field.bits is not None:
        raw = (int(raw) >> field.bit) & ((1 << field.bits) - 1)
        if field.type[1] == "i" and raw >> (field.bits - 1):
            raw -= 1 << field.bits
    return raw * field.scale + field.offset


class Heard(NamedTuple):
    """One believed answer: which of the driver's layouts it has, the bytes as read, what is known against it."""

    record: bytes
    quality: Quality = Quality.GOOD
    part: int = 0


class Driver(ABC):
    """What all drivers have. `layouts[Heard.part]` explains a record."""

    layouts: tuple[Layout, ...]


class LineDriver(Driver):
    """A device on a serial line that is asked and answers."""

    @abstractmethod
    def ask(self, now_ms: int) -> bytes | None:
        """The next request, or None if there is nothing to ask at `now_ms` (monotonic milliseconds)."""

    @abstractmethod
    def missing(self, heard: bytes) -> int:
        """How many bytes at least are missing until `heard` is a whole frame; 0: it is whole, or can never be."""

    @abstractmethod
    def hear(self, frame: bytes) -> Heard:
        """Understand the answer to the last request. Raises Nonsense."""


class Counted(NamedTuple):
    """Frames of a CAN device: sent by it and never heard here; heard again."""

    missed: int = 0
    repeated: int = 0


class CanDriver(Driver):
    """A device that speaks by itself on a CAN bus. `can_ids` are what the port should let through."""

    can_ids: tuple[tuple[int, bool], ...]  # (identifier, is it 29 bits wide)
    periods_ms: Mapping[tuple[int, bool], float] = MappingProxyType({})  # how often each should come, where known

    @abstractmethod
    def hear(self, frame: CanFrame) -> Heard | None:
        """Understand a frame whose identifier is in `can_ids`; None: it carries no reading alone. Raises Nonsense."""

    def period_ms(self, part: int) -> float | None:
        """How often readings of `part` come, where the driver knows it."""
        return None

    def say(self, now_ms: int) -> tuple[CanFrame, ...]:
        """What the device must be told at `now_ms` so that it goes on speaking; asked for every 50 ms or so."""
        return ()

    def counted(self) -> Counted:
        """Frames that its own counters say were lost or came twice, since the start; shown with the port."""
        return Counted()


class MessageDriver(Driver):
    """A device that speaks by itself over a message broker. `topics` is what the port subscribes to."""

    topics: tuple[str, ...]

    @abstractmethod
    def hear(self, message: Message) -> Heard | None:
        """Understand a message of one of `topics`; None if it carries no reading. Raises Nonsense."""


class Option(NamedTuple):
    """One key that a driver accepts in `[device.options]`, declared beside the driver, checked by the catalogue.

    A `file` is a path relative to the site folder, or the name of a file that ships beside the driver's module in
    the folder `files`; the constructor gets it as an absolute path that exists.
    """

    type: type[int] | type[float] | type[str] | type[bool]
    default: int | float | str | bool | None = None  # None: must be given
    low: float | None = None
    high: float | None = None
    help: str = ""
    file: bool = False


class Catalogued(Driver):
    """A driver that can be named in gateway.toml: keyword arguments of its constructor are its options."""

    name: ClassVar[str]
    options: ClassVar[dict[str, Option]]
    files: ClassVar[str] = "dbc"  # the folder beside the module with the files that ship
