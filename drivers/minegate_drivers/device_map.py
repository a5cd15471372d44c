"""A device map: what a device's registers mean, once, in TOML. Driver, documentation and conformance test come from it.

[device]
name = "flow_meter"                 title_en, title_zh, source: the sheet it was written from
table = "holding"                   where fields are unless they say otherwise: coil, discrete, holding, input
words = "big"                       word order of 32 and 64 bits: big (ABCD), little (CDAB)
bytes = "big"                       byte order inside a word: big, little (BADC; with little words DCBA)
bits = "lsb0"                       how `bit` counts: lsb0 from the least significant, msb0 from the most
gap_max = 8                         registers between two fields that are read along rather than asked twice
registers_max = 125                 what the device answers at most in one go

[[field]]
name = "ch4"                        lower-case letters, digits, _
register = 0                        address as on the wire, from 0
type = "u16"                        bool u16 i16 u32 i32 u64 i64 f32 f64 bcd16 bcd32 bcd64 text
scale, offset, unit, quantity, low, high, national, title_en, title_zh     as in sdk.Field; national type code
bit, bits                           a slice of an integer
length = 4                          registers of a text
expect = "GJC4"                     what a text must be, or this is another device
no_value = [0xFFFF]                 raw values that are none; they must lie outside low..high
signal = "hz_200_1000"              see signals.py; raw * scale is Hz or mA, `low`..`high` the range it stands for
must = [0]                          status word: bits that must be set, else the reading is SUSPENDED
flags = { 1 = "device_fault" }      status word: bit -> quality; a bit that is not named is a device fault
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from minegate_drivers.sdk import Quality

FIELDS_MAX = 512
REGISTERS = {
    "bool": 1, "u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4, "f32": 2, "f64": 4,
    "bcd16": 1, "bcd32": 2, "bcd64": 4, "text": 0,
}  # fmt: skip
BIT_TABLES = ("coil", "discrete")
_QUALITIES = {(flag.name or "").lower(): flag for flag in Quality if flag}

Table = Literal["coil", "discrete", "holding", "input"]
Order = Literal["big", "little"]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Text = Annotated[str, Meta(max_length=200)]


class MapDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds for the whole device."""

    name: Name
    title_en: Text
    title_zh: Text
    source: Text
    table: Table = "holding"
    words: Order = "big"
    bytes: Order = "big"
    bits: Literal["lsb0", "msb0"] = "lsb0"
    gap_max: Annotated[int, Meta(ge=0, le=124)] = 8
    registers_max: Annotated[int, Meta(ge=1, le=125)] = 125


class MapField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value."""

    name: Name
    register: Annotated[int, Meta(ge=0, le=65535)]
    type: Literal["bool", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bcd16", "bcd32", "bcd64", "text"]
    table: Table | None = None
    title_en: Text = ""
    title_zh: Text = ""
    scale: float = 1.0
    offset: float = 0.0
    unit: Text = ""
    quantity: Text = ""
    low: float | None = None
    high: float | None = None
    national: Text = ""
    words: Order | None = None
    bytes: Order | None = None
    bit: Annotated[int, Meta(ge=0, le=63)] | None = None
    bits: Annotated[int, Meta(ge=1, le=64)] = 1
    length: Annotated[int, Meta(ge=1, le=32)] = 1
    expect: Text = ""
    no_value: tuple[int, ...] = ()
    signal: str = ""
    must: tuple[int, ...] = ()
    flags: dict[str, str] = {}

    @property
    def count(self) -> int:
        """Registers, or bits in a table of bits, that it takes."""
        return self.length if self.type == "text" else REGISTERS[self.type]

    @property
    def is_status(self) -> bool:
        """Does it speak for the whole record?"""
        return bool(self.must or self.flags)

    def status_bits(self) -> dict[int, Quality]:
        """Bit -> what it says when it is set."""
        return {int(bit): _QUALITIES[word] for bit, word in self.flags.items()}


class DeviceMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    device: MapDevice
    field: Annotated[list[MapField], Meta(min_length=1, max_length=FIELDS_MAX)]

    def table(self, field: MapField) -> Table:
        """Where `field` is."""
        return field.table or self.device.table


def load(path: Path) -> DeviceMap:
    """The map in `path`. ValueError in one line that names file, field and what is wrong."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), DeviceMap)
    except OSError as error:
        raise ValueError(f"{path.name}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    names = [field.name for field in found.field]
    for field in found.field:
        try:
            if names.count(field.name) > 1:
                raise ValueError("the name is given twice")
            _check(field, found.table(field))
        except ValueError as error:
            raise ValueError(f"{path.name}: field {field.name}: {error}") from error
    return found


def _check(field: MapField, table: Table) -> None:
    if (field.type == "bool") != (table in BIT_TABLES):
        raise ValueError(f"type {field.type} does not lie in table {table}")
    if field.register + field.count > 65536:
        raise ValueError(f"register {field.register} and {field.count - 1} more reach beyond 65535")
    if field.low is not None and field.high is not None and not field.low < field.high:
        raise ValueError(f"low {field.low:g} is not below high {field.high:g}")
    sliceable = field.type[0] in "ui" and not field.signal
    if field.bit is not None and not (sliceable and field.bit + field.bits <= 16 * field.count):
        raise ValueError(f"{field.bits} bits from bit {field.bit} are not inside {field.type}")
    if field.expect and field.type != "text":
        raise ValueError(f"expect is for a text, not for {field.type}")
    if field.is_status:
        _check_status(field)
    for raw in field.no_value:
        value = raw * field.scale + field.offset
        if field.low is None or field.high is None or field.low <= value <= field.high:
            raise ValueError(f"no_value {raw} ({value:g}) must lie outside low..high, which must be given")


def _check_status(field: MapField) -> None:
    if field.type not in ("u16", "u32") or field.bit is not None:
        raise ValueError(f"must and flags are for a whole u16 or u32, not for {field.type}")
    for bit in (*map(str, field.must), *field.flags):
        if not (bit.isdecimal() and int(bit) < 16 * field.count):
            raise ValueError(f"bit {bit} is not one of 0..{16 * field.count - 1}")
    for word in field.flags.values():
        if word not in _QUALITIES:
            raise ValueError(f"quality {word!r} is not one of {', '.join(_QUALITIES)}")
