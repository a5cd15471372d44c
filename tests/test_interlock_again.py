"""An OPEN that met an answer on the wire is said again as soon as that answer has ended, once."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from engine_heading import EngineHeading
from heading import rules
from minegate_interlock.lines import Command, Verb
from minegate_interlock.output_kinds import answered_ms
from minegate_interlock.terms import Output
from minegate_wire import messages
from minegate_wire.frame import Receiver, encode


def kinds(frames: list[tuple[str, bytes]]) -> list[int]:
    receiver = Receiver()
    return [receiver.kind() for _, frame in frames for byte in frame if receiver.feed(byte)]


def cutting(baud: int) -> EngineHeading:
    """Power is on over a relay line of that speed, and now a person cuts."""
    own = rules()
    heading = EngineHeading(replace(own, outputs=(replace(own.outputs[0], baud=baud),)))
    heading.powered()
    heading.engine.take_sends()
    assert heading.engine.command(Command(Verb.CUT, "heading-1201", "Li", "test"), heading.now_ms)[0]
    return heading


@pytest.mark.parametrize(("baud", "after_ms"), [(9600, 400 / 9.6 + 5), (115_200, 400 / 115.2 + 5)])
def test_it_is_due_when_an_answer_that_was_on_the_wire_has_ended(baud: int, after_ms: float) -> None:
    heading = cutting(baud)
    assert kinds(heading.engine.take_sends()) == [messages.OPEN]
    assert heading.engine.again_ms - heading.now_ms == pytest.approx(after_ms)


def test_it_is_said_once_more_and_then_left_to_the_tick() -> None:
    heading = cutting(115_200)
    heading.engine.take_sends()
    heading.engine.again(heading.now_ms + 9)
    assert kinds(heading.engine.take_sends()) == [messages.OPEN]
    assert heading.engine.again_ms == math.inf


def test_a_contact_that_has_opened_is_told_nothing_again() -> None:
    heading = cutting(115_200)
    cabinet = heading.cabinets["relay-1"]
    for frames in ([frame for _, frame in heading.engine.take_sends()], []):
        answer = cabinet.turn(frames, heading.now_ms)
        heading.engine.hear("relay-1", answer, heading.now_ms)
    heading.engine.hear("relay-1", cabinet.turn([_ask()], heading.now_ms), heading.now_ms)
    heading.engine.take_sends()
    heading.engine.again(heading.now_ms + 9)
    assert heading.engine.take_sends() == []


def _ask() -> bytes:
    return encode(9, messages.ASK, ((messages.RELAY_STATE,),))


@pytest.mark.parametrize(
    ("output", "ms"),
    [
        (Output("a", kind="gpio", chip="c"), 0.0),
        (Output("a", kind="can-node", interface="socketcan", channel="can0", node=9), 5 + 6 * 160 / 250),
        (Output("a", kind="can-node", interface="slcan", channel="x", node=9, baud=115_200),
         5 + 6 * 160 / 250 + 6 * 270 / 115.2),
    ],
)  # fmt: skip
def test_every_kind_of_output_has_its_time_to_answer(output: Output, ms: float) -> None:
    assert answered_ms(output) == pytest.approx(ms)
