"""A machine that speaks by itself on CAN, described by a DBC file. The file is compiled once; nothing is asked.

Each message with signals becomes one part (Heard.part), in the order of the file or of the option `messages`; a
multiplexed message becomes one part per case. The record is the frame's data as heard. A signal attribute "Quantity"
(BA_ "Quantity" SG_ ...) names what it measures, GenMsgCycleTime how often a message comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from minegate_drivers.can_checks import Check, MessageCheck, parse
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import CanDriver, Catalogued, Counted, Field, Heard, Layout, Nonsense, Option, Quality

if TYPE_CHECKING:
    from cantools.database.can import Message, Signal

MESSAGES_MAX = 256  # a part is one byte on its way
_SIZES = (1, 2, 4, 8)
_Chosen = tuple[tuple[str, int], ...]


class Case(NamedTuple):
    """One part: its number, the length of its frames, the size of its record."""

    part: int
    length: int
    size: int


class DbcListener(CanDriver, Catalogued):
    """Listens to the messages that a DBC file describes; signals of up to 64 bits, plain or multiplexed."""

    name: ClassVar[str] = "dbc"
    options: ClassVar[dict[str, Option]] = {
        "file": Option(str, file=True, help="DBC file in the site folder, or one that ships here: roadheader.dbc"),
        "messages": Option(str, "", help="names of the messages to hear, between commas; empty: all of the file"),
        "checks": Option(str, "", help="one message per line: name [counter=signal] [checksum=kind@byte]"),
    }

    def __init__(self, *, file: str, messages: str, checks: str = "") -> None:
        chosen = chosen_messages(read_messages(file), messages)
        compiled = compile_messages(chosen)
        self.layouts = compiled.layouts
        self.can_ids = tuple((message.frame_id, message.is_extended_frame) for message in chosen)
        self.periods_ms = {
            key: message.cycle_time for key, message in zip(self.can_ids, chosen, strict=True) if message.cycle_time
        }
        self._known = dict(zip(self.can_ids, compiled.cases, strict=True))
        self.checks = _message_checks(checks, chosen)
        self._checks = {
            (message.frame_id, message.is_extended_frame): self.checks[message.name]
            for message in chosen
            if message.name in self.checks
        }

    def period_ms(self, part: int) -> float | None:
        """See CanDriver. How often one case of a multiplexed message comes, no file tells."""
        for key, known in self._known.items():
            if isinstance(known, Case) and known.part == part:
                return self.periods_ms.get(key)
        return None

    def hear(self, frame: CanFrame) -> Heard:
        """See CanDriver."""
        key = (frame.id, frame.extended)
        found = self._known.get(key)
        if found is None:
            raise Nonsense("foreign", f"identifier 0x{frame.id:x} is not in the file")
        part, length, size = found.choose(frame.data) if isinstance(found, Multiplexed) else found
        data = frame.data
        if len(data) != length:
            raise Nonsense("length", f"0x{frame.id:x}: {len(data)} bytes, the file says {length}")
        quality = self._checks[key].hear(data) if key in self._checks else Quality.GOOD
        # Longer than the frame only where no integer type fits inside a short one.
        return Heard(data if length == size else data.ljust(size, b"\0"), quality, part)

    def counted(self) -> Counted:
        """See CanDriver."""
        checks = self.checks.values()
        return Counted(sum(check.missed for check in checks), sum(check.repeated for check in checks))


def _message_checks(text: str, messages: list[Message]) -> dict[str, MessageCheck]:
    by_name = {message.name: message for message in messages}
    made = {}
    for name, check in parse(text).items():
        if name not in by_name:
            raise ValueError(f"option checks: {name!r} is not one of {sorted(by_name)}")
        made[name] = _message_check(check, by_name[name])
    return made


def _message_check(check: Check, message: Message) -> MessageCheck:
    if check.kind and check.sum_at >= message.length:
        raise ValueError(f"option checks: {message.name}: byte {check.sum_at} is not inside {message.length} bytes")
    if not check.counter:
        return MessageCheck(check, None, 0)
    signal = next((signal for signal in message.signals if signal.name == check.counter), None)
    if signal is None or signal.is_float or signal.multiplexer_ids:
        raise ValueError(f"option checks: {message.name}: {check.counter!r} is no plain signal of it")
    return MessageCheck(check, selector(message, signal), signal.length)


def read_messages(file: str) -> list[Message]:
    """The messages with signals in a DBC file. ValueError if it is none."""
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


def chosen_messages(messages: list[Message], names: str) -> list[Message]:
    """Those of `messages` that `names` names, in its order; all if it names none. ValueError."""
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


class Multiplexed(NamedTuple):
    """A message whose signals depend on others: for each value of the first multiplexer the cases to try."""

    name: str
    select: Callable[[bytes], int]
    length: int
    cases: dict[int, tuple[tuple[tuple[tuple[Callable[[bytes], int], int], ...], Case], ...]]

    def choose(self, data: bytes) -> Case:
        """The case that `data` is. Raises Nonsense."""
        if len(data) != self.length:
            raise Nonsense("length", f"{self.name}: {len(data)} bytes, the file says {self.length}")
        value = self.select(data)
        for conditions, case in self.cases.get(value, ()):
            if all(select(data) == wanted for select, wanted in conditions):
                return case
        raise Nonsense("value", f"{self.name}: multiplexer {value} is not in the file")


class Compiled(NamedTuple):
    """Layouts, one per part, and for each message its case or its multiplexed cases."""

    layouts: tuple[Layout, ...]
    cases: tuple[Case | Multiplexed, ...]


def compile_messages(messages: list[Message]) -> Compiled:
    """Every message to one part, a multiplexed one to a part per case. ValueError if there are none or too many."""
    layouts: list[Layout] = []
    cases: list[Case | Multiplexed] = []
    for message in messages:
        if message.is_container:
            raise ValueError(f"option file: message {message.name!r} is a container, which this driver does not read")
        branches = list(_branches(message, message.signal_tree))
        made: list[tuple[_Chosen, Case]] = []
        for chosen, names in branches:
            layout = _layout(message, chosen, names)
            made.append((chosen, Case(len(layouts), message.length, layout.size)))
            layouts.append(layout)
        cases.append(_multiplexed(message, made) if made[0][0] else made[0][1])
    if not 1 <= len(layouts) <= MESSAGES_MAX:
        raise ValueError(f"option file: {len(layouts)} messages with signals are not within 1..{MESSAGES_MAX}")
    return Compiled(tuple(layouts), tuple(cases))


def _branches(message: Message, tree: Any) -> Iterator[tuple[_Chosen, list[str]]]:
    """Each way in which the multiplexers can stand: (multiplexer, value) pairs, and the signals that are there then."""
    plain = [node for node in tree if isinstance(node, str)]
    multiplexers = [(name, values) for node in tree if isinstance(node, dict) for name, values in node.items()]
    branches: list[tuple[_Chosen, list[str]]] = [((), [*plain, *(name for name, _ in multiplexers)])]
    for name, values in multiplexers:
        branches = [
            ((*chosen, (name, value), *deeper), [*names, *more])
            for chosen, names in branches
            for value, below in values.items()
            for deeper, more in _branches(message, below)
        ]
        if len(branches) > MESSAGES_MAX:
            raise ValueError(f"option file: message {message.name!r}: more than {MESSAGES_MAX} multiplexed cases")
    yield from branches


def _multiplexed(message: Message, made: list[tuple[_Chosen, Case]]) -> Multiplexed:
    readers = {signal.name: selector(message, signal) for signal in message.signals if signal.is_multiplexer}
    cases: dict[int, list[tuple[tuple[tuple[Callable[[bytes], int], int], ...], Case]]] = {}
    for ((_, value), *rest), case in made:
        cases.setdefault(value, []).append((tuple((readers[name], wanted) for name, wanted in rest), case))
    select = readers[made[0][0][0][0]]
    return Multiplexed(message.name, select, message.length, {value: tuple(found) for value, found in cases.items()})


def selector(message: Message, signal: Signal) -> Callable[[bytes], int]:
    """Takes the raw integer of `signal` out of a frame's data."""
    field = _field(message, signal)
    layout = Layout(Field(signal.name, field.type, at=field.at, bit=field.bit, bits=field.bits), size=message.length)
    size = layout.size
    return lambda data: int(layout.decode(data if len(data) == size else data.ljust(size, b"\0"))[0])


def _layout(message: Message, chosen: _Chosen, names: list[str]) -> Layout:
    signals = [signal for signal in message.signals if signal.name in names]
    case = "".join(f"_{value}" for _, value in chosen)
    return Layout(*(_field(message, signal) for signal in signals), name=message.name + case, size=message.length)


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
