"""Whatever a bus brings, a driver believes it or raises Nonsense and nothing else, and `missing` stays bounded."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_drivers.capture import Step, parse
from minegate_drivers.catalogue import build
from minegate_drivers.ports import CanFrame, Message
from minegate_drivers.sdk import CanDriver, Driver, Heard, LineDriver, MessageDriver, Nonsense
from minegate_drivers.testkit import quality_words

CAPTURES = sorted((Path(__file__).parent.parent / "drivers" / "captures").glob("*.cap"))
MISSING_MAX = 1024  # more than any frame that these drivers know

deterministic = settings(derandomize=True, database=None, deadline=None, max_examples=300)


def loaded(form: type[Driver]) -> list[tuple[Driver, tuple[Step, ...]]]:
    captures = [parse(path.read_text(encoding="utf-8"), path.name) for path in CAPTURES]
    pairs = [(build(capture.driver, capture.options, Path()), capture.steps) for capture in captures]
    return [(driver, steps) for driver, steps in pairs if isinstance(driver, form)]


LINES = [
    (driver, step.heard)
    for driver, steps in loaded(LineDriver)
    for step in steps
    if isinstance(driver, LineDriver) and isinstance(step.heard, bytes)
]
CANS = [driver for driver, _ in loaded(CanDriver) if isinstance(driver, CanDriver)]
MESSAGES = [
    (driver, step.heard)
    for driver, steps in loaded(MessageDriver)
    for step in steps
    if isinstance(driver, MessageDriver) and isinstance(step.heard, Message)
]


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` with some bytes changed, taken out or put in."""
    changed = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(changed)))
        old = draw(st.integers(0, 3))
        changed[at : at + old] = draw(st.binary(max_size=3))
    return bytes(changed)


def sound(driver: Driver, heard: Heard | None) -> None:
    """What is believed can be decoded and described."""
    if heard is not None:
        layout = driver.layouts[heard.part]
        assert len(layout.decode(heard.record)) == len(layout.fields)
        assert quality_words(heard.quality)


def listen(driver: LineDriver, heard: bytes) -> None:
    assert 0 <= driver.missing(heard) <= MISSING_MAX
    with suppress(Nonsense):
        sound(driver, driver.hear(heard))


@deterministic
@given(st.sampled_from(LINES), st.binary(max_size=300))
def test_any_bytes_on_a_line(pair: tuple[LineDriver, bytes], heard: bytes) -> None:
    listen(pair[0], heard)


@deterministic
@given(st.sampled_from(LINES), st.data())
def test_damaged_frames_on_a_line(pair: tuple[LineDriver, bytes], data: st.DataObject) -> None:
    listen(pair[0], data.draw(damaged(pair[1])))


@deterministic
@given(st.sampled_from(CANS), st.data())
def test_any_frame_on_a_can_bus(driver: CanDriver, data: st.DataObject) -> None:
    identifier, extended = data.draw(st.sampled_from([*driver.can_ids, (0x7FF, False), (0x1FFFFFFF, True)]))
    frame = CanFrame(identifier, data.draw(st.binary(max_size=8) | st.binary(max_size=64)), extended)
    with suppress(Nonsense):
        sound(driver, driver.hear(frame))


@deterministic
@given(st.sampled_from(MESSAGES), st.data())
def test_damaged_messages_of_a_robot(pair: tuple[MessageDriver, Message], data: st.DataObject) -> None:
    driver, message = pair
    payload = data.draw(damaged(message.payload) | st.binary(max_size=100))
    with suppress(Nonsense):
        sound(driver, driver.hear(Message(data.draw(st.sampled_from(driver.topics)), payload)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@deterministic
@given(st.sampled_from(MESSAGES), st.data())
def test_states_with_any_value_in_any_place(pair: tuple[MessageDriver, Message], data: st.DataObject) -> None:
    driver, message = pair
    try:
        said = json.loads(message.payload)
    except json.JSONDecodeError:
        return
    place = said
    key = data.draw(st.sampled_from(sorted(place)))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(json_values)
    with suppress(Nonsense):
        sound(driver, driver.hear(Message(message.topic, json.dumps(said).encode("utf-8"))))
