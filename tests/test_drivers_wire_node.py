"""The driver of our own sensor node and the node's real firmware understand each other."""

from __future__ import annotations

import pytest

from minegate_drivers.sdk import Nonsense, Quality
from minegate_drivers.wire_node import CHANNELS_MAX, WireNode
from minegate_node.sensor import SensorNode
from minegate_wire.frame import encode
from minegate_wire.messages import READING

CHANNELS = """
0 running quantity=local_fan low=0 high=1
1 flow    quantity=air_speed unit=m/s scale=0.01 low=0 high=30
2 feed    quantity=feed_state low=0 high=1
"""


def driver(channels: str = CHANNELS, age_max_ms: int = 500) -> WireNode:
    return WireNode(node=3, channels=channels, age_max_ms=age_max_ms)


def answer(node: SensorNode, wire: WireNode, now_ms: int) -> bytes:
    node.step(now_ms)
    node.feed(wire.ask(now_ms) or b"")
    return node.reply()


def sampled(node: SensorNode) -> SensorNode:
    for channel, value in enumerate((1, 1234, 0)):
        node.set(channel, value, 0)
    return node


def test_the_nodes_own_firmware_is_understood() -> None:
    wire = driver()
    heard = wire.hear(answer(sampled(SensorNode(3, 3, 77)), wire, 1000))
    values = dict(
        zip((field.name for field in wire.layouts[0].fields), wire.layouts[0].decode(heard.record), strict=True)
    )
    assert [values["running"], values["flow"], values["feed"]] == pytest.approx([1.0, 12.34, 0.0])
    assert heard.quality is Quality.GOOD


def test_a_channel_that_was_never_sampled_is_not_good() -> None:
    wire = driver()
    quality = wire.hear(answer(SensorNode(3, 3, 77), wire, 1000)).quality
    assert Quality.DEVICE_FAULT in quality
    assert Quality.STALE in quality


def test_a_node_that_answers_but_samples_no_more_goes_stale() -> None:
    wire, node = driver(), sampled(SensorNode(3, 3, 77))
    qualities = [wire.hear(answer(node, wire, now_ms)).quality for now_ms in (0, 250, 500, 501, 60_000)]
    assert qualities == [Quality.GOOD] * 3 + [Quality.STALE] * 2


def test_an_answer_that_is_repeated_for_ever_goes_stale() -> None:
    wire = driver()
    old = answer(sampled(SensorNode(3, 3, 77)), wire, 0)
    qualities = []
    for now_ms in (0, 250, 500, 501, 60_000):
        wire.ask(now_ms)
        qualities.append(wire.hear(old).quality)
    assert qualities == [Quality.GOOD] * 3 + [Quality.STALE] * 2


def test_the_record_has_the_order_of_the_declaration_and_not_of_the_frame() -> None:
    rows = ((0, 0, 1, 0, 10), (1, 0, 1, 0, 20), (2, 0, 1, 0, 30))
    wire = driver("2 c; 0 a; 1 b")
    wire.ask(0)
    record = wire.hear(encode(3, READING, rows)).record
    assert wire.layouts[0].decode(record)[::4] == (30.0, 10.0, 20.0)


@pytest.mark.parametrize("before", [b"", b"\xff", b"\x00", b"\x55\xaa"])
def test_missing_ends_exactly_at_the_closing_zero(before: bytes) -> None:
    wire = driver()
    frame = before + answer(sampled(SensorNode(3, 3, 77)), wire, 1000)
    left = [wire.missing(frame[:length]) for length in range(len(frame) + 1)]
    assert left[-1] == 0
    assert all(missing >= 1 for missing in left[:-1])
    assert left[len(before) + 1 : -1] == list(range(len(frame) - len(before) - 1, 0, -1))


def test_a_line_that_babbles_without_a_zero_is_given_up() -> None:
    assert driver().missing(b"\xff" * 400) == 0


def test_as_many_channels_as_a_frame_can_carry() -> None:
    rows = tuple((channel, 0, 1, 0, -1) for channel in range(CHANNELS_MAX))
    wire = driver("; ".join(f"{channel} c{channel}" for channel in range(CHANNELS_MAX)))
    wire.ask(0)
    assert wire.hear(encode(3, READING, rows)).quality is Quality.GOOD


def test_a_channel_that_comes_twice_is_nonsense() -> None:
    wire = driver("0 a; 1 b")
    with pytest.raises(Nonsense, match=r"format: channels \[0, 0\] answered, \[0, 1\] are declared"):
        wire.hear(encode(3, READING, ((0, 0, 1, 0, 1), (0, 0, 1, 0, 2))))


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ("", "0 channels are not within 1..11"),
        ("; ".join(f"{n} c{n}" for n in range(12)), "12 channels are not within 1..11"),
        ("running", "'running' does not begin with a channel number 0..255 and a name"),
        ("-1 a", "'-1 a' does not begin with a channel number"),
        ("256 a", "'256 a' does not begin with a channel number"),
        ("0 Fan", "name 'Fan' is not lower-case letters"),
        ("0 a; 0 b", "number 0 is given twice"),
        ("0 a; 1 a", "name 'a' is given twice"),
        ("0 a colour=red", "'colour=red' of 'a' is not one of quantity, unit, scale, offset, low, high"),
        ("0 a low", "'low' of 'a' is not one key=value"),
        ("0 a low=1 low=2", "'low=2' of 'a' is not one key=value, each key once"),
        ("0 a scale=0", "'scale=0' is not a number that can be used"),
        ("0 a scale=nan", "'scale=nan' is not a number that can be used"),
        ("0 a high=much", "'high=much' is not a number that can be used"),
        ("0 a low=1 high=1", "low=1 of 'a' is not below high=1"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(channels: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^option channels: ") as caught:
        driver(channels)
    assert words in str(caught.value)
