"""The text form of a capture: what was asked and heard on a bus, and what it must mean. Read here, played by testkit.

    driver gas_head                             first; then its options, in TOML
    option station = 1
    @ 1000                                      from here on it is 1000 ms (monotonic)
    > 01 04 00 00 00 02 71 cb                   the driver asks this; `> -`: it asks nothing
    < 01 04 04 00 7d 00 01 aa 5c                heard on a line: bytes; `< -`: nothing
    < 287#6400c80000000000                      heard on CAN: candump's form, 8 digits for a 29-bit identifier
    < vda5050/v3/KIT/0001/state {"headerId":1}  heard from a broker: topic and payload to the end of the line
    = ch4 1.25 %CH4 good                        expected of the line above: field, value, unit (if it has one), quality
    = part 2                                    expected part, 0 unless said
    = nonsense crc                              or refused, and why
    = nothing                                   or no reading

On a line of bytes or a frame, what follows two spaces is a remark; `#` at the beginning makes the line a remark.
Qualities are joined by `+`: `stale+device_fault`. A field's quality is that of the scan and of the field's own range.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from minegate_drivers.ports import CanFrame, Message

Heard = bytes | CanFrame | Message
_FRAME = re.compile(r"([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})#((?:[0-9A-Fa-f]{2})*)")


class CaptureError(Exception):
    """A line that is not in the form above. The text names file, line and what is wrong."""


class Step(NamedTuple):
    """One exchange: what the driver must ask before (None: not looked at), what is heard, what it must mean."""

    line: int
    now_ms: int
    asked: bytes | None
    heard: Heard | None
    expected: tuple[str, ...]


@dataclass(frozen=True)
class Capture:
    """A whole file. `options` are TOML values."""

    name: str
    driver: str
    options: dict[str, int | float | str | bool]
    steps: tuple[Step, ...]


@dataclass
class _Open:
    """A step while its lines are being read."""

    line: int = 0
    now_ms: int = 0
    asked: bytes | None = None
    heard: Heard | None = None
    expected: list[str] = field(default_factory=list)

    def step(self) -> Step:
        return Step(self.line, self.now_ms, self.asked, self.heard, tuple(self.expected))


def parse(text: str, name: str) -> Capture:
    """The capture in `text`; `name` stands in the errors. Raises CaptureError."""
    marked = list(_marked(text))
    driver = [rest for _, mark, rest in marked if mark == "driver"]
    if len(driver) != 1 or marked[0][1] != "driver":
        raise CaptureError(f"{name}:1: the first line that is no remark must be `driver NAME`, once")
    options = "\n".join(rest for _, mark, rest in marked if mark == "option")
    try:
        values = tomllib.loads(options)
    except tomllib.TOMLDecodeError as error:
        raise CaptureError(f"{name}: options are not TOML: {error}") from error
    body = [line for line in marked if line[1] not in ("driver", "option")]
    return Capture(name, driver[0], values, tuple(_steps(body, name)))


def _marked(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            mark, _, rest = line.strip().partition(" ")
            yield number, mark, rest.strip()


def _steps(lines: Iterable[tuple[int, str, str]], name: str) -> Iterator[Step]:
    step = _Open()
    for number, mark, rest in lines:
        try:
            if mark == "=":
                _expect(step, rest)
                continue
            if step.heard is not None or (mark == ">" and step.asked is not None):  # the second: it stayed silent
                yield _whole(step)
                step = _Open(now_ms=step.now_ms)
            _open(step, number, mark, rest)
        except ValueError as error:
            raise CaptureError(f"{name}:{number}: {error}") from error
    if step.heard is not None or step.asked is not None:
        yield _last(step, name)


def _last(step: _Open, name: str) -> Step:
    try:
        return _whole(step)
    except ValueError as error:
        raise CaptureError(f"{name}:{step.line}: {error}") from error


def _whole(step: _Open) -> Step:
    if step.heard is not None and not step.expected:
        raise ValueError(f"nothing is expected of what line {step.line} heard")
    return step.step()


def _expect(step: _Open, rest: str) -> None:
    if step.heard is None:
        raise ValueError("`=` without a `<` before it")
    if not rest:
        raise ValueError("`=` without what is expected")
    step.expected.append(" ".join(rest.split()))


def _open(step: _Open, number: int, mark: str, rest: str) -> None:
    if mark == "@":
        step.now_ms = int(rest.split()[0])
    elif mark == ">":
        step.line, step.asked = number, _bytes(rest)
    elif mark == "<":
        step.line, step.heard = number, _heard(rest)
    else:
        raise ValueError(f"{mark!r} is not one of driver, option, @, >, <, = or #")


def _heard(rest: str) -> Heard:
    first, _, payload = rest.partition(" ")
    if "/" in first:
        return Message(first, payload.encode("utf-8"))
    frame = _FRAME.fullmatch(first)
    if frame:
        return CanFrame(int(frame[1], 16), bytes.fromhex(frame[2]), extended=len(frame[1]) == 8)
    return _bytes(rest)


def _bytes(rest: str) -> bytes:
    digits = rest.partition("  ")[0]
    return b"" if digits == "-" else bytes.fromhex(digits)
