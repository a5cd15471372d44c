"""An electricity meter with DL/T 645-2007: one data identifier after the other, each a part.

    items = '''
    02010100 voltage_a XXX.X unit=V quantity=voltage low=0 high=300
    02020100 current_a XXX.XXX unit=A quantity=current signed
    00010000 energy XXXXXX.XX unit=kWh
    '''

Identifier DI3..DI0 and format as in annex A of the standard. `signed`: the highest bit is the sign (power, current).
The record is the BCD as read and the value as float64; what is no BCD is NaN.
"""

from __future__ import annotations

import math
import re
import struct
from typing import ClassVar, NamedTuple

from minegate_drivers.dlt645 import carried, missing, read
from minegate_drivers.sdk import Catalogued, Field, Heard, Layout, LineDriver, Nonsense, Option, Quality

ITEMS_MAX = 64
_LINE = re.compile(r"([0-9A-Fa-f]{8})\s+([a-z][a-z0-9_]{0,31})\s+(X{1,14}(?:\.X{1,8})?)((?:\s+\S+)*)")
_KEYS = frozenset(("unit", "quantity", "low", "high", "signed"))


class Item(NamedTuple):
    """One value of the meter."""

    identifier: int
    size: int  # bytes of BCD
    decimals: int
    signed: bool
    field: Field


class Dlt645Meter(LineDriver, Catalogued):
    """Electricity meter with DL/T 645-2007; its data identifiers are read in turn."""

    name: ClassVar[str] = "dlt645"
    options: ClassVar[dict[str, Option]] = {
        "address": Option(str, help="the 12 digits on the meter's face"),
        "items": Option(str, help="one per line: identifier name format [unit= quantity= low= high= signed]"),
    }

    def __init__(self, *, address: str, items: str) -> None:
        self._items = parse(items)
        self._requests = [read(address, item.identifier) for item in self._items]
        self.layouts = tuple(Layout(item.field, name=f"di_{item.identifier:08x}") for item in self._items)
        self._asked = 0

    def ask(self, now_ms: int) -> bytes | None:
        """The items in turn."""
        self._asked += 1
        return self._requests[self._part()]

    def missing(self, heard: bytes) -> int:
        """See LineDriver."""
        return missing(heard)

    def hear(self, frame: bytes) -> Heard:
        """See LineDriver."""
        part = self._part()
        item = self._items[part]
        raw = carried(frame, self._requests[part])
        if len(raw) != item.size:
            raise Nonsense("length", f"{len(raw)} bytes of {item.field.name}, {item.size} are declared")
        value = number(raw, item.decimals, item.signed)
        quality = Quality.DEVICE_FAULT if math.isnan(value) else Quality.GOOD
        return Heard(raw + struct.pack(">d", value), quality, part)

    def _part(self) -> int:
        return max(0, self._asked - 1) % len(self._items)


def number(raw: bytes, decimals: int, signed: bool) -> float:
    """BCD, lowest byte first; NaN if a half byte is no digit."""
    digits = bytearray(raw[::-1])
    sign = -1 if signed and digits[0] & 0x80 else 1
    if signed:
        digits[0] &= 0x7F
    text = digits.hex()
    return sign * int(text) / 10**decimals if text.isdecimal() else math.nan


def parse(text: str) -> list[Item]:
    """The items in `text`. ValueError names the line."""
    items = [_item(line.strip()) for line in re.split(r"[;\n]", text) if line.strip()]
    if not 1 <= len(items) <= ITEMS_MAX:
        raise ValueError(f"option items: {len(items)} items are not within 1..{ITEMS_MAX}")
    return items


def _item(line: str) -> Item:
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError(f"option items: {line!r} is not identifier, name and format like XXXX.XX")
    whole, _, decimals = found[3].partition(".")
    digits = len(whole) + len(decimals)
    said = dict(word.partition("=")[::2] for word in found[4].split())
    if digits % 2 or not said.keys() <= _KEYS:
        raise ValueError(f"option items: {line!r}: an even number of X, and unit= quantity= low= high= signed")
    try:
        low, high = (float(said[key]) if key in said else None for key in ("low", "high"))
    except ValueError as error:
        raise ValueError(f"option items: {line!r}: {error}") from error
    field = Field(
        found[2],
        ">f8",
        quantity=said.get("quantity", ""),
        unit=said.get("unit", ""),
        low=low,
        high=high,
        at=digits // 2,
    )
    return Item(int(found[1], 16), digits // 2, len(decimals), "signed" in said, field)
