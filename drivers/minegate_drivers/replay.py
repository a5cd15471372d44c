"""A capture played through its driver, as the scans that come out: one line of text per frame, the same every time.

12 @1000 part 0 good 007d0001        line of the capture, time, part, quality, record in hex
15 @1000 nonsense crc                or why there is none
18 @1000 nothing                     or that the frame carries no reading by itself
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from minegate_drivers.capture import Capture, Step
from minegate_drivers.catalogue import build
from minegate_drivers.ports import CanFrame, Message
from minegate_drivers.sdk import CanDriver, Driver, Heard, LineDriver, MessageDriver, Nonsense
from minegate_drivers.testkit import quality_words


def scans(capture: Capture, folder: Path) -> Iterator[str]:
    """The lines of `capture`. ValueError if its driver cannot be built, or a line is not for this kind of driver."""
    driver = build(capture.driver, capture.options, folder)
    for step in capture.steps:
        _ask(driver, step)
        if step.heard is not None:
            yield f"{step.line} @{step.now_ms} {_scan(driver, step.heard, step.line)}"


def _ask(driver: Driver, step: Step) -> None:
    if isinstance(driver, LineDriver):
        driver.ask(step.now_ms)
    elif isinstance(driver, CanDriver):
        driver.say(step.now_ms)


def _scan(driver: Driver, frame: bytes | CanFrame | Message, line: int) -> str:
    try:
        heard = _hear(driver, frame, line)
    except Nonsense as nonsense:
        return f"nonsense {nonsense.kind}"
    if heard is None:
        return "nothing"
    driver.layouts[heard.part].decode(heard.record)
    return f"part {heard.part} {quality_words(heard.quality)} {heard.record.hex() or '-'}"


def _hear(driver: Driver, frame: bytes | CanFrame | Message, line: int) -> Heard | None:
    match driver, frame:
        case LineDriver(), bytes():
            return driver.hear(frame)
        case CanDriver(), CanFrame():
            return driver.hear(frame)
        case MessageDriver(), Message():
            return driver.hear(frame)
    raise ValueError(f"line {line}: {type(frame).__name__} is not for a {type(driver).__name__}")
