"""A machine that speaks by itself on CAN, described by a DBC file. The file is compiled once; nothing is asked.

Each message with signals becomes one part (Heard.part), in the order of the file or of the option `messages`. The
record is the frame's data as heard. A signal attribute "Quantity" (BA_ "Quantity" SG_ ...) names what it measures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import CanDriver, Catalogued, Field, Heard, Layout, Nonsense, Option, Quality

if TYPE_CHECKING:
    from cantools.database.can import Message, Signal

MESSAGES_MAX = 256  # a part is one byte on its way
_SIZES = (1, 2, 4, 8)


class DbcListener(CanDriver, Catalogued):
    """Listens to the messages that a DBC file describes; plain signals of up to 64 bits, both byte orders."""

    name: ClassVar[str] = "dbc"
    options: ClassVar[dict[str, Option]] = {
        "file": Option(str, file=True, help="DBC file in the site folder, or one that ships here: roadheader.dbc"),
        "messages": Option(str, "", help="names of the messages to hear, between commas; empty: all of the file"),
    }

    def __init__(self, *, file: str, messages: str) -> None:
        chosen = _chosen(_messages(file), messages)
        if not 1 <= len(chosen) <= MESSAGES_MAX:
            raise ValueError(f"option file: {len(chosen)} messages with signals are not within 1..{MESSAGES_MAX}")
        self.layouts = tuple(_layout(message) for message in chosen)
        self.can_ids = tuple((message.frame_id, message.is_extended_frame) for message in chosen)
        self._known = {
            heard: (part, message.length, self.layouts[part].size)
            for part, (heard, message) in enumerate(zip(self.can_ids, chosen, strict=True))
        }

    def hear(self, frame: CanFrame) -> Heard:
        """See CanDriver."""
        found = self._known.get((frame.id, frame.extended))
        if found is None:
            raise Nonsense("foreign", f"identifier 0x{frame.id:x} is not in the file")
        part, length, size = found
        data = frame.data
        if len(data) != length:
            raise Nonsense("length", f"0x{frame.id:x}: {len(data)} bytes, the file says {length}")
        # Longer than the frame only where no integer type fits inside a short one.
        return Heard(data if length == size else data.ljust(size, b"\0"), Quality.GOOD, part)


def _messages(file: str) -> list[Message]:
    try:
        # A gateway without CAN does without it.
        from cantools.database import load_string
        from cantools.database.can import Database
        from cantools.database.errors import Error
    except ImportError as error:
        raise ValueError("option file: reading a DBC needs cantools: install minegate[can]") from error
    raw = Path(file).read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")  # what most DBC editors write
    try:
        database = load_string(text, "dbc")
    except Error as error:
        raise ValueError(f"option file: {file}: {str(error).splitlines()[0]}") from error
    if not isinstance(database, Database):
        raise ValueError(f"option file: {file}: not a CAN database")
    return [message for message in database.messages if message.signals or message.is_container]


def _chosen(messages: list[Message], names: str) -> list[Message]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        return messages
    by_name = {message.name: message for message in messages}
    for name in wanted:
        if name not in by_name:
            raise ValueError(f"option messages: {name!r} is not one of {sorted(by_name)}")
        if wanted.count(name) > 1:
            raise ValueError(f"option messages: {name!r} is named twice")
    return [by_name[name] for name in wanted]


def _layout(message: Message) -> Layout:
    if message.is_container or message.is_multiplexed():
        kind = "a container" if message.is_container else "multiplexed"
        raise ValueError(f"option file: message {message.name!r} is {kind}, which this driver does not read")
    return Layout(*(_field(message, signal) for signal in message.signals), name=message.name, size=message.length)


def _field(message: Message, signal: Signal) -> Field:
    order = "<" if signal.byte_order == "little_endian" else ">"
    at, size, bit = _place(message, signal)
    whole = bit == 0 and signal.length == 8 * size
    letter = "f" if signal.is_float else "i" if signal.is_signed else "u"
    if signal.is_float and (not whole or size < 4):
        raise ValueError(
            f"option file: signal {message.name}.{signal.name} is a float of {signal.length} bits that does not "
            "lie on whole bytes as 32 or 64"
        )
    quantity = signal.dbc.attributes.get("Quantity")
    return Field(
        signal.name,
        f"{order}{letter}{size}",
        float(signal.scale),
        float(signal.offset),
        str(quantity.value) if quantity else "",
        signal.unit or "",
        signal.minimum,
        signal.maximum,
        at,
        bit,
        None if whole else signal.length,
    )


def _place(message: Message, signal: Signal) -> tuple[int, int, int]:
    """Where the integer that holds the signal lies: first byte, size in bytes, bits below the signal.

    The integer stays inside the frame if it can, so that a record need not be longer than what was heard.
    """
    if signal.byte_order == "little_endian":
        first, last = signal.start, signal.start + signal.length - 1
    else:  # DBC names the most significant bit; counted here in the order of the wire
        first = 8 * (signal.start // 8) + 7 - signal.start % 8
        last = first + signal.length - 1
    spanned = last // 8 - first // 8 + 1
    size = next((size for size in _SIZES if size >= spanned), 0)
    if not size:
        raise ValueError(f"option file: signal {message.name}.{signal.name} spans {spanned} bytes, at most 8 are read")
    at = max(0, min(first // 8, message.length - size))
    bit = first - 8 * at if signal.byte_order == "little_endian" else 8 * (at + size) - 1 - last
    return at, size, bit
