"""Plays captures against a driver and shows where they differ: `python -m minegate_drivers.testkit FILE...`.

Besides what the capture expects, a line driver must keep its promise of `missing`: 0 for every frame that it believes,
and for every beginning of such a frame something, but never more than really is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from minegate_drivers.capture import Capture, CaptureError, Step, parse
from minegate_drivers.catalogue import build
from minegate_drivers.ports import CanFrame, Message
from minegate_drivers.ranges import range_quality
from minegate_drivers.sdk import CanDriver, Driver, Heard, LineDriver, MessageDriver, Nonsense, Quality


class Difference(NamedTuple):
    """One place where driver and capture disagree."""

    line: int
    expected: str
    found: str


class Misplaced(Exception):  # noqa: N818 - says what is wrong with the line, as the command shows it
    """A line of the capture that this kind of driver cannot hear."""


def play(capture: Capture, folder: Path) -> list[Difference]:
    """Every difference, in the order of the file. ValueError if the driver cannot be built from the header."""
    driver = build(capture.driver, capture.options, folder)
    return [difference for step in capture.steps for difference in _differences(driver, step)]


def _differences(driver: Driver, step: Step) -> Iterator[Difference]:
    yield from _asked(driver, step)
    if step.heard is None:
        return
    try:
        heard = _hear(driver, step.heard)
    except Misplaced as misplaced:
        yield Difference(step.line, f"something that {type(driver).__name__} can hear", str(misplaced))
    except Nonsense as nonsense:
        if step.expected != (f"nonsense {nonsense.kind}",):
            yield Difference(step.line, "; ".join(step.expected), f"nonsense {nonsense}")
    else:
        yield from _meaning(driver, step, heard)
        if isinstance(driver, LineDriver) and isinstance(step.heard, bytes):
            yield from _promise(driver, step.line, step.heard)


def _asked(driver: Driver, step: Step) -> Iterator[Difference]:
    if isinstance(driver, LineDriver):
        asked = driver.ask(step.now_ms)
        if step.asked is not None and (asked or b"") != step.asked:
            yield Difference(step.line, f"> {_hex(step.asked)}", f"> {_hex(asked or b'')}")
        return
    if isinstance(driver, CanDriver):
        driver.say(step.now_ms)  # as the reader does it: that is how the driver knows the time
    if step.asked is not None:
        yield Difference(step.line, f"> {_hex(step.asked)}", "a driver that is never asked")


def _hear(driver: Driver, heard: bytes | CanFrame | Message) -> Heard | None:
    match driver, heard:
        case LineDriver(), bytes():
            return driver.hear(heard)
        case CanDriver(), CanFrame():
            return driver.hear(heard)
        case MessageDriver(), Message():
            return driver.hear(heard)
    raise Misplaced(f"{type(heard).__name__} for a driver of another kind of port")


def _meaning(driver: Driver, step: Step, heard: Heard | None) -> Iterator[Difference]:
    if heard is None:
        if step.expected != ("nothing",):
            yield Difference(step.line, "; ".join(step.expected), "nothing")
        return
    said = dict(_said(driver, heard))
    expected_part = False
    for expected in step.expected:
        word = expected.split()[0]
        expected_part = expected_part or word == "part"
        if word not in said:
            yield Difference(step.line, expected, "; ".join(said.values()))
        elif said[word] != _normal(expected):
            yield Difference(step.line, expected, said[word])
    if heard.part != 0 and not expected_part:
        yield Difference(step.line, "part 0", said["part"])


def _said(driver: Driver, heard: Heard) -> Iterator[tuple[str, str]]:
    """What the driver understood, in the words of a capture, by their first word."""
    layout = driver.layouts[heard.part]
    yield "part", f"part {heard.part}"
    for field, value in zip(layout.fields, layout.decode(heard.record), strict=True):
        quality = quality_words(heard.quality | range_quality(field, value))
        words = [field.name, f"{value:.6g}", *([field.unit] if field.unit else []), quality]
        yield field.name, " ".join(words)


def _normal(expected: str) -> str:
    """The same words with the number written as `_said` writes it, so that 1.250 is 1.25."""
    words = expected.split()
    try:
        number = float(words[1])
    except (IndexError, ValueError):
        return expected
    return " ".join((words[0], f"{number:.6g}", *words[2:]))


def _promise(driver: LineDriver, line: int, frame: bytes) -> Iterator[Difference]:
    if driver.missing(frame) != 0:
        yield Difference(line, "missing 0 of a frame it believes", f"missing {driver.missing(frame)}")
    for length in range(len(frame)):
        missing = driver.missing(frame[:length])
        if not 1 <= missing <= len(frame) - length:
            yield Difference(line, f"missing 1..{len(frame) - length} after {length} bytes", f"missing {missing}")
            return


def quality_words(quality: Quality) -> str:
    """`good`, or the flags in lower case joined by `+`, lowest bit first."""
    return "+".join((flag.name or "").lower() for flag in quality) or "good"


def _hex(data: bytes) -> str:
    return data.hex(" ") or "-"


def main(files: list[str]) -> int:
    """Play each file; 0: no difference, 1: differences, 2: a file that cannot be played."""
    worst = 0
    for file in files:
        try:
            capture = parse(Path(file).read_text(encoding="utf-8"), file)
            differences = play(capture, Path(file).parent)
        except (OSError, UnicodeDecodeError, CaptureError, ValueError) as error:
            print(error if isinstance(error, CaptureError) else f"{file}: {error}", file=sys.stderr)
            worst = 2
            continue
        for difference in differences:
            print(f"{file}:{difference.line}:\n  expected  {difference.expected}\n  found     {difference.found}")
        print(f"{file}: {len(capture.steps)} steps, {len(differences)} differences")
        worst = max(worst, 1 if differences else 0)
    return worst


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit("usage: python -m minegate_drivers.testkit FILE...")
    raise SystemExit(main(sys.argv[1:]))
