"""A CANopen node: process data (TPDO) and heartbeat as it sends them, emergencies, and objects that are read by SDO.

    objects = '''
    pdo1 ch4 u16 scale=0.01 unit=%CH4 quantity=methane low=0 high=4
    pdo1 status u8
    sdo 6401:01 temperature i16 scale=0.1 unit=degC every_ms=1000
    '''

`pdoN` is the N-th transmit PDO at its default identifier (180, 280, 380, 480 hex plus node), its fields in the order of
the lines. Each PDO is a part, then each object, then the heartbeat, then the emergency. A node that is not operational,
or has an emergency that it has not taken back, speaks against all its readings. Source: CiA 301.
"""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple

from minegate_drivers.canopen_sdo import ABORT_COMMAND, ABORT_TIMEOUT, Upload
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import CanDriver, Catalogued, Field, Heard, Layout, Nonsense, Option, Quality

OBJECTS_MAX = 64
SDO_TIMEOUT_MS = 500
OPERATIONAL = 5
_PDO, _EMERGENCY, _HEARTBEAT, _SDO_ANSWER, _SDO_REQUEST = (0x180, 0x280, 0x380, 0x480), 0x080, 0x700, 0x580, 0x600
_TYPES = {
    "u8": "<u1", "i8": "<i1", "u16": "<u2", "i16": "<i2", "u32": "<u4", "i32": "<i4", "u64": "<u8", "i64": "<i8",
    "f32": "<f4", "f64": "<f8",
}  # fmt: skip
_KEYS = frozenset(("scale", "offset", "unit", "quantity", "low", "high", "every_ms"))


class Polled(NamedTuple):
    """One object that is read by SDO."""

    number: int  # index of the object dictionary
    sub: int
    part: int
    every_ms: float


class CanopenNode(CanDriver, Catalogued):
    """A CANopen device: PDOs, heartbeat and emergencies heard, objects asked for by SDO."""

    name: ClassVar[str] = "canopen"
    options: ClassVar[dict[str, Option]] = {
        "node": Option(int, low=1, high=127, help="number of the node"),
        "objects": Option(str, help="one per line: pdoN name type [key=value] or sdo INDEX:SUB name type [key=value]"),
        "heartbeat_ms": Option(int, 1000, low=10, high=60_000, help="the node's producer heartbeat time"),
    }

    def __init__(self, *, node: int, objects: str, heartbeat_ms: int) -> None:
        pdos, polled = _declared(objects)
        self._node = node
        self._parts = {_PDO[number - 1] + node: part for part, number in enumerate(sorted(pdos))}
        layouts = [Layout(*pdos[number], name=f"pdo{number}") for number in sorted(pdos)]
        self._polled = []
        for index, sub, field, every_ms in polled:
            self._polled.append(Polled(index, sub, len(layouts), every_ms))
            layouts.append(Layout(field, name=f"object_{index:04x}_{sub:02x}"))
        self._heartbeat_part = len(layouts)
        layouts.append(Layout(Field("node_state", "<u1"), name="heartbeat"))
        layouts.append(Layout(Field("error_code", "<u2"), Field("error_register", "<u1"), name="emergency", size=8))
        self.layouts = tuple(layouts)
        heard = [*self._parts, _HEARTBEAT + node, _EMERGENCY + node, *([_SDO_ANSWER + node] if polled else [])]
        self.can_ids = tuple((identifier, False) for identifier in heard)
        self.periods_ms = {(_HEARTBEAT + node, False): float(heartbeat_ms)}
        self._state: int | None = None
        self._emergency = 0
        self._due_ms = [0.0] * len(self._polled)
        self._upload: Upload | None = None
        self._asking = 0
        self._asked_ms = 0
        self._abort = b""

    def hear(self, frame: CanFrame) -> Heard | None:
        """See CanDriver."""
        part = self._parts.get(frame.id)
        if frame.extended or (frame.id, False) not in self.can_ids:
            raise Nonsense("foreign", f"identifier 0x{frame.id:x} is not of node {self._node}")
        if part is not None:
            return self._process_data(part, frame.data)
        if frame.id == _SDO_ANSWER + self._node:
            return self._answer(frame.data)
        return self._state_of(frame)

    def say(self, now_ms: int) -> tuple[CanFrame, ...]:
        """The next SDO request, or the abort of one that was not answered."""
        if self._upload is not None and not now_ms - self._asked_ms <= SDO_TIMEOUT_MS:
            self._abort, self._upload = self._upload.abort(ABORT_TIMEOUT), None
        if self._upload is None and not self._abort:
            self._next(now_ms)
        said, self._abort = self._abort, b""
        if self._upload is not None and self._upload.request:
            said, self._upload.request, self._asked_ms = self._upload.request, b"", now_ms
        return (CanFrame(_SDO_REQUEST + self._node, said),) if said else ()

    def _next(self, now_ms: int) -> None:
        due = [at for at in range(len(self._polled)) if self._due_ms[at] <= now_ms]
        if not due:
            return
        self._asking = min(due, key=lambda at: self._due_ms[at])
        asked = self._polled[self._asking]
        self._due_ms[self._asking] = now_ms + asked.every_ms
        self._upload = Upload(asked.number, asked.sub)

    def _answer(self, data: bytes) -> Heard | None:
        upload = self._upload
        if upload is None:
            return None  # late, or another client's
        try:
            value = upload.hear(data)
        except Nonsense as nonsense:
            self._upload = None
            self._abort = b"" if nonsense.kind == "exception" else upload.abort(ABORT_COMMAND)
            raise
        if value is None:
            return None
        self._upload = None
        part = self._polled[self._asking].part
        return self._process_data(part, value)

    def _process_data(self, part: int, data: bytes) -> Heard:
        size = self.layouts[part].size
        if len(data) < size:  # CiA 301, 7.2.2.2: a PDO longer than what is mapped is taken, a shorter one is not
            raise Nonsense("length", f"{len(data)} bytes, {size} are declared")
        return Heard(data[:size], self._quality(), part)

    def _state_of(self, frame: CanFrame) -> Heard:
        if frame.id == _HEARTBEAT + self._node:
            if len(frame.data) != 1:
                raise Nonsense("length", f"heartbeat of {len(frame.data)} bytes")
            self._state = frame.data[0] & 0x7F
            if self._state == 0:  # boot-up: what was wrong before is to be told again
                self._emergency = 0
            return Heard(frame.data, self._quality(), self._heartbeat_part)
        if len(frame.data) != 8:
            raise Nonsense("length", f"emergency of {len(frame.data)} bytes")
        self._emergency = int.from_bytes(frame.data[:2], "little")
        return Heard(frame.data, self._quality(), self._heartbeat_part + 1)

    def _quality(self) -> Quality:
        quality = Quality.GOOD if self._state in (None, OPERATIONAL) else Quality.SUSPENDED
        return quality | (Quality.DEVICE_FAULT if self._emergency else Quality.GOOD)


_Declared = tuple[dict[int, list[Field]], list[tuple[int, int, Field, float]]]


def _declared(text: str) -> _Declared:
    pdos: dict[int, list[Field]] = {}
    polled: list[tuple[int, int, Field, float]] = []
    for line in (line.strip() for line in re.split(r"[;\n]", text)):
        if not line:
            continue
        words = line.split()
        pdo = re.fullmatch(r"pdo([1-4])", words[0])
        sdo = (
            re.fullmatch(r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{2})", words[1])
            if words[0] == "sdo" and len(words) > 1
            else None
        )
        rest = words[1:] if pdo else words[2:]
        if not (pdo or sdo) or len(rest) < 2:
            raise ValueError(f"option objects: {line!r} is not pdo1..pdo4 or sdo INDEX:SUB with name and type")
        field, every_ms = _field(line, rest)
        if pdo:
            pdos.setdefault(int(pdo[1]), []).append(field)
        elif sdo:
            polled.append((int(sdo[1], 16), int(sdo[2], 16), field, every_ms))
    for number, fields in pdos.items():
        if sum(field.size for field in fields) > 8:
            raise ValueError(f"option objects: pdo{number}: {sum(field.size for field in fields)} bytes, at most 8")
    if not 1 <= sum(map(len, pdos.values())) + len(polled) <= OBJECTS_MAX:
        raise ValueError(f"option objects: 1..{OBJECTS_MAX} must be declared")
    return pdos, polled


def _field(line: str, words: list[str]) -> tuple[Field, float]:
    name, kind = words[0], words[1]
    said = dict(word.partition("=")[::2] for word in words[2:])
    if kind not in _TYPES or not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) or not said.keys() <= _KEYS:
        raise ValueError(f"option objects: {line!r}: name, type ({', '.join(_TYPES)}) or a key is not known")
    try:
        numbers = {key: float(said[key]) for key in ("scale", "offset", "low", "high", "every_ms") if key in said}
    except ValueError as error:
        raise ValueError(f"option objects: {line!r}: {error}") from error
    every_ms = numbers.pop("every_ms", 1000.0)
    if not 20 <= every_ms <= 3_600_000:
        raise ValueError(f"option objects: {line!r}: every_ms is not within 20..3600000")
    field = Field(
        name, _TYPES[kind], numbers.get("scale", 1.0), numbers.get("offset", 0.0),
        said.get("quantity", ""), said.get("unit", ""), numbers.get("low"), numbers.get("high"),
    )  # fmt: skip
    return field, every_ms
