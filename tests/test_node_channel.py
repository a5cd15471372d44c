"""A channel of a sensor node: a mean of good samples, and a status that does not believe what cannot be."""

from __future__ import annotations

import random

import pytest

from minegate_node.channel import CALIBRATE_MAX_MS, Channel, Span
from minegate_wire.messages import READING_CALIBRATING, READING_FAULT, READING_RANGE, READING_WARM_UP

SPAN = Span(10_000, 50_000, 0, 400)  # 0.01 % steps of 4 %


def _taken(channel: Channel, *raws: int, every_ms: int = 100) -> Channel:
    for raw in raws:
        channel.pass_ms(every_ms)
        channel.take(raw)
    return channel


# raw, value
LINE = [(10_000, 0), (10_049, 0), (10_050, 1), (10_100, 1), (30_000, 200), (49_950, 400), (50_000, 400)]


@pytest.mark.parametrize(("raw", "value"), LINE)
def test_a_raw_value_is_rounded_to_the_nearest_step(raw: int, value: int) -> None:
    channel = _taken(Channel(SPAN), raw)
    assert (channel.value, channel.status()) == (value, 0)


@pytest.mark.parametrize(("low", "high"), [(-50, 50), (400, 0), (-8191, 0)])
def test_a_span_may_fall_or_be_negative_and_never_leaves_the_small_integers(low: int, high: int) -> None:
    span = Span(0, 65_535, low, high)
    values = [span.value(raw) for raw in range(0, 65_536, 5)] + [span.value(65_535)]
    assert (values[0], values[-1]) == (low, high)
    assert values == sorted(values, reverse=high < low)
    assert 65_535 * abs(high - low) + 65_535 < 1 << 30


@pytest.mark.parametrize("numbers", [(5, 5, 0, 1), (-1, 5, 0, 1), (0, 65_536, 0, 1), (0, 5, 0, 8192), (0, 5, 0, -8192)])
def test_a_span_that_cannot_be_computed_is_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="a span of"):
        Span(*numbers)


@pytest.mark.parametrize("samples", [1, 3, 8, 256])
def test_the_value_is_the_mean_of_the_last_samples(samples: int) -> None:
    chance = random.Random(samples)
    channel = Channel(SPAN, samples=samples)
    seen: list[int] = []
    for _ in range(600):
        seen.append(chance.randrange(10_000, 50_001))
        _taken(channel, seen[-1])
        last = seen[-samples:]
        assert channel.value == SPAN.value((2 * sum(last) + len(last)) // (2 * len(last)))


@pytest.mark.parametrize("samples", [0, 257])
def test_a_ring_of_no_or_too_many_samples_is_refused(samples: int) -> None:
    with pytest.raises(ValueError, match="samples"):
        Channel(SPAN, samples=samples)


# raw, margin, status, value
ENDS = [
    (9_999, 0, READING_FAULT, 0), (50_001, 0, READING_FAULT, 0), (9_900, 100, READING_RANGE, 0),
    (9_899, 100, READING_FAULT, 0), (50_100, 100, READING_RANGE, 400), (50_101, 100, READING_FAULT, 0),
    (0, 100, READING_FAULT, 0), (65_535, 100, READING_FAULT, 0),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "margin", "status", "value"), ENDS)
def test_beyond_its_span_a_value_is_held_and_flagged_and_beyond_the_margin_it_is_a_fault(
    raw: int, margin: int, status: int, value: int
) -> None:
    channel = _taken(Channel(SPAN, margin_raw=margin), raw)
    assert (channel.status(), channel.value) == (status, value)


def test_after_a_fault_the_mean_begins_anew_from_the_first_good_sample() -> None:
    channel = _taken(Channel(SPAN), *[20_000] * 8, 0)
    assert channel.status() == READING_FAULT
    assert _taken(channel, 40_000).value == 300
    assert channel.status() == 0
    assert _taken(channel, 30_000).value == 250


def test_a_jump_that_the_quantity_cannot_make_is_a_fault_and_is_counted() -> None:
    channel = _taken(Channel(SPAN, slope_raw=1000), 20_000, 21_000)
    assert channel.status() == 0
    assert _taken(channel, 22_001).status() == READING_FAULT
    assert channel.jumps == 1
    assert _taken(channel, 22_000).status() == 0  # where it stayed is where it is
    assert _taken(channel, 20_000).status() == READING_FAULT
    assert channel.jumps == 2


def test_a_value_that_does_not_move_by_a_single_count_is_stuck_after_its_time() -> None:
    channel = _taken(Channel(SPAN, stuck_ms=5000), *[20_000] * 50)
    assert channel.status() == 0
    assert _taken(channel, 20_000, 20_000).status() == READING_FAULT
    assert _taken(channel, 20_001).status() == 0


def test_a_channel_that_is_not_sampled_is_a_fault_from_the_start_and_when_it_stops() -> None:
    channel = Channel(SPAN, stale_ms=1000)
    assert channel.status() == READING_FAULT
    _taken(channel, 20_000)
    channel.pass_ms(1000)
    assert channel.status() == 0
    channel.pass_ms(1)
    assert channel.status() == READING_FAULT
    for days in (6.3, 12.5):
        channel.pass_ms(int(days * 86_400_000) % (1 << 30))
        assert channel.status() == READING_FAULT


def test_while_it_warms_up_it_says_so() -> None:
    channel = Channel(SPAN, warm_up_ms=60_000)
    assert _taken(channel, *[20_000] * 599).status() == READING_WARM_UP
    assert _taken(channel, 20_000).status() == 0


def test_a_calibration_is_told_and_ends_by_itself() -> None:
    channel = _taken(Channel(SPAN), 20_000)
    assert channel.calibrate(500)
    assert channel.status() == READING_CALIBRATING
    assert _taken(channel, *[20_000] * 4).status() == READING_CALIBRATING
    assert _taken(channel, 20_000).status() == 0
    for ms, accepted in ((CALIBRATE_MAX_MS, True), (CALIBRATE_MAX_MS + 1, False), (-1, False), (0, True)):
        assert channel.calibrate(ms) is accepted
    assert channel.status() == 0
