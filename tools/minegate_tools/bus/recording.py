"""What was heard on a port as the text of a capture (minegate_drivers.capture), line by line. Pure.

With a driver the meaning of each frame is written under it, so that the recording is a test of the driver as it is.
Without one, or for frames of others, the bytes stand alone: for whoever will write that driver.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from minegate_drivers.ports import CanFrame, Message
from minegate_drivers.ranges import range_quality
from minegate_drivers.sdk import CanDriver, Driver, Heard, LineDriver, MessageDriver, Nonsense
from minegate_drivers.testkit import quality_words

Value = int | float | str | bool


class Recording:
    """Frames in, lines out. `driver` hears what is meant for it."""

    def __init__(self, driver: Driver | None) -> None:
        self._driver = driver
        self._said_ms: int | None = None
        self.frames = 0
        self.understood = 0

    def head(self, name: str, options: Mapping[str, Value]) -> Iterator[str]:
        """The first lines of the file."""
        yield f"driver {name}"
        for key, value in options.items():
            yield f"option {key} = {_toml(value)}"

    def asked(self, request: bytes, now_ms: int) -> Iterator[str]:
        """A request, ours or another master's."""
        yield from self._at(now_ms)
        yield f"> {request.hex(' ')}"

    def heard(self, frame: bytes | CanFrame | Message, now_ms: int) -> Iterator[str]:
        """One frame, and what it means if the driver can say it; a remark if it is not for the driver."""
        self.frames += 1
        if isinstance(self._driver, LineDriver) and self._driver.ask(now_ms) == frame:
            yield from self.asked(frame, now_ms)
            return
        hear = _hearing(self._driver, frame)
        if hear is not None:
            yield from self._meant(frame, hear, now_ms)
            return
        yield from self._at(now_ms)
        yield f"{'# ' if self._driver else ''}< {_form(frame)}"

    def silence(self, now_ms: int) -> Iterator[str]:
        """Asked, and nothing heard."""
        yield from self._at(now_ms)
        yield "< -"
        yield "= nonsense length"

    def _meant(self, frame: bytes | CanFrame | Message, hear: Callable[[], Heard | None], now_ms: int) -> Iterator[str]:
        yield from self._at(now_ms)
        try:
            heard = hear()
        except Nonsense as nonsense:
            if nonsense.kind in ("foreign", "function", "length", "crc"):  # most likely somebody else's
                yield f"# < {_form(frame)}  {nonsense}"
                return
            yield f"< {_form(frame)}"
            yield f"= nonsense {nonsense.kind}"
            return
        self.understood += 1
        yield f"< {_form(frame)}"
        if heard is None:
            yield "= nothing"
            return
        assert self._driver is not None
        yield from meaning(self._driver, heard)

    def _at(self, now_ms: int) -> Iterator[str]:
        if self._said_ms != now_ms:
            self._said_ms = now_ms
            yield f"@ {now_ms}"


def meaning(driver: Driver, heard: Heard) -> Iterator[str]:
    """What was understood, in the words of a capture."""
    layout = driver.layouts[heard.part]
    if heard.part:
        yield f"= part {heard.part}"
    for field, value in zip(layout.fields, layout.decode(heard.record), strict=True):
        quality = quality_words(heard.quality | range_quality(field, value))
        yield " ".join(("=", field.name, f"{value:.6g}", *([field.unit] if field.unit else []), quality))


def _hearing(driver: Driver | None, frame: bytes | CanFrame | Message) -> Callable[[], Heard | None] | None:
    """How the driver hears that frame; None: it is not for it."""
    match driver, frame:
        case LineDriver(), bytes():
            return lambda: driver.hear(frame)
        case CanDriver(), CanFrame() if (frame.id, frame.extended) in driver.can_ids:
            return lambda: driver.hear(frame)
        case MessageDriver(), Message() if frame.topic in driver.topics:
            return lambda: driver.hear(frame)
    return None


def _form(frame: bytes | CanFrame | Message) -> str:
    if isinstance(frame, bytes):
        return frame.hex(" ")
    if isinstance(frame, CanFrame):
        return f"{frame.id:08X}#{frame.data.hex()}" if frame.extended else f"{frame.id:03X}#{frame.data.hex()}"
    return f"{frame.topic} {frame.payload.decode('utf-8', 'backslashreplace')}"


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False)  # lines too
