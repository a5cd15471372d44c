"""The relay node's own methane: what its signal means, when it is not believed; it opens whatever PERMITs say."""

from __future__ import annotations

import pytest

from minegate_node.methane import LIMIT_MAX_PPM, Methane
from minegate_node.relay import RelayNode
from minegate_node.signals import FAULT, CurrentLoop, Frequency, Signal, Voltage
from minegate_wire import messages
from minegate_wire.frame import encode
from test_relay_node import NODE, NONCE, Cabinet, _fields, _open, _permit

LOOP = CurrentLoop(22_000, 40_000)  # 150 ohm at an ADC of 3.3 V
LINE = Frequency(40_000)
VOLT = Voltage(13_107, 52_428, 40_000)
LIMIT_PPM, STALE_MS, STUCK_MS = 15_000, 500, 60_000


def _ma(ma: float) -> int:
    """What the ADC reads, `read_u16()` of 12 bits."""
    return int(ma / 22 * 65535) & 0xFFF0


# signal, raw, ppm expected, give or take the last bit of a 12-bit ADC
MEANINGS = [
    (LOOP, _ma(0), FAULT, 0), (LOOP, _ma(3.5), FAULT, 0), (LOOP, _ma(3.85), 0, 0), (LOOP, _ma(4.02), 0, 60),
    (LOOP, _ma(8), 10_000, 20), (LOOP, _ma(10), 15_000, 20), (LOOP, _ma(20), 40_000, 20), (LOOP, _ma(21), FAULT, 0),
    (LOOP, 65_535, FAULT, 0), (LOOP, -1, FAULT, 0), (LOOP, 65_536, FAULT, 0),
    (LINE, 0, FAULT, 0), (LINE, 1_899, FAULT, 0), (LINE, 1_900, 0, 0), (LINE, 2_000, 0, 0), (LINE, 5_000, 15_000, 0),
    (LINE, 10_000, 40_000, 0), (LINE, 10_100, 40_500, 0), (LINE, 10_101, FAULT, 0), (LINE, -1, FAULT, 0),
    (VOLT, 0, FAULT, 0), (VOLT, 11_000, FAULT, 0), (VOLT, 13_107, 0, 0), (VOLT, 32_767, 20_000, 5),
    (VOLT, 52_428, 40_000, 5), (VOLT, 55_000, FAULT, 0), (VOLT, 65_535, FAULT, 0),
]  # fmt: skip


@pytest.mark.parametrize(("signal", "raw", "ppm", "give"), MEANINGS)
def test_a_raw_value_means_methane_or_a_fault(signal: Signal, raw: int, ppm: int, give: int) -> None:
    assert abs(signal.ppm(raw) - ppm) <= give


@pytest.mark.parametrize("signal", [LOOP, LINE, VOLT, CurrentLoop(60_000, 60_000), Voltage(4_000, 61_000, 60_000)])
def test_no_raw_value_leaves_the_small_integers_and_more_signal_is_never_less_methane(signal: Signal) -> None:
    before = 0
    for raw in range(0, 65_536, 7):
        ppm = signal.ppm(raw)
        assert ppm == FAULT or before <= ppm < 1 << 20
        before = max(before, ppm)
    # the largest product on the way: as written in signals.py
    assert (65_535 >> 2) * 60_000 < 1 << 30
    assert 16_500 * 60_000 < 1 << 30


WRONG = [
    (lambda: CurrentLoop(20_500, 40_000), "full_scale_ua"), (lambda: CurrentLoop(60_001, 40_000), "full_scale_ua"),
    (lambda: CurrentLoop(22_000, 0), "span_ppm"), (lambda: Frequency(60_001), "span_ppm"),
    (lambda: Voltage(0, 65_535, 40_000), "no room"), (lambda: Voltage(50_000, 20_000, 40_000), "no room"),
    (lambda: Methane(LINE, LIMIT_MAX_PPM + 1, 500, 60_000), "limit_ppm"),
    (lambda: Methane(LINE, 0, 500, 60_000), "limit_ppm"), (lambda: Methane(LINE, 10_000, 0, 60_000), "stale_ms"),
    (lambda: Methane(LINE, 10_000, 2_001, 60_000), "stale_ms"), (lambda: Methane(LINE, 10_000, 500, 999), "stuck_ms"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "named"), WRONG)
def test_a_board_file_with_a_number_out_of_range_does_not_start(make: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()  # type: ignore[operator]  # a lambda of the table


class Guarded(Cabinet):
    """A cabinet whose node has a wired methane head, sampled in every step unless the wire is cut."""

    def __init__(self, ppm: int = 5_000) -> None:
        self.methane = Methane(LINE, LIMIT_PPM, STALE_MS, STUCK_MS)
        self.dhz: int | None = 2000 + ppm // 5
        self.flicker = True
        self._count = 0
        super().__init__(opened_at=None, node=RelayNode(NODE, NONCE, methane=self.methane))
        self.after(0)
        self.after(0, _open(0))

    def after(self, ms: int, data: bytes = b"", stuck: bool | None = None) -> bool:
        self._count += 1
        if self.dhz is not None:
            self.methane.take(self.dhz - (self._count & 1 if self.flicker else 0))
        return super().after(ms, data, stuck)


def _permits(cabinet: Guarded, first: int, steps: int) -> bool:
    """PERMITs go on, every 100 ms; whether the coil is energised at the end."""
    return [cabinet.after(100, _permit(first + step)) for step in range(steps)][-1]


@pytest.mark.parametrize(("ppm", "energised"), [(0, True), (14_990, True), (15_005, False), (40_000, False)])
def test_methane_at_the_limit_opens_although_permits_continue(ppm: int, energised: bool) -> None:
    cabinet = Guarded()
    assert _permits(cabinet, 1, 10)
    cabinet.dhz = 2000 + ppm // 5
    assert cabinet.after(1, _permit(11)) is energised
    assert _permits(cabinet, 12, 10) is energised
    assert cabinet.state()["trip_cause"] == (messages.TRIP_NONE if energised else messages.TRIP_LOCAL_LIMIT)


def test_after_the_gas_has_gone_only_an_open_and_a_newer_permit_close_again() -> None:
    cabinet = Guarded(ppm=20_000)
    assert not cabinet.after(1, _open(1))  # the gas is still there: it does not arm
    cabinet.dhz = 2000
    assert not _permits(cabinet, 2, 10)
    assert not cabinet.after(1, _open(20))
    assert cabinet.after(1, _permit(21))


# what happens to the signal, milliseconds that it is still believed; a sample is as old as the step that takes it
LOSSES = [("wire cut", STALE_MS - 100), ("line break", 0), ("overflow", 0), ("stuck", STUCK_MS)]


@pytest.mark.parametrize(("loss", "ms"), LOSSES)
def test_a_sensor_that_is_missing_stale_out_of_range_or_stuck_opens(loss: str, ms: int) -> None:
    cabinet = Guarded()
    assert _permits(cabinet, 1, 3)
    if loss == "wire cut":
        cabinet.dhz = None
    elif loss == "stuck":
        cabinet.flicker = False
        assert cabinet.after(0)
    else:
        cabinet.dhz = 0 if loss == "line break" else 15_000
    for count in range(ms // 100):
        assert cabinet.after(100, _permit(4 + count))
    assert not cabinet.after(1, _permit(5 + ms // 100))
    assert cabinet.state()["trip_cause"] == messages.TRIP_LOCAL_SENSOR


def test_no_message_raises_the_limit() -> None:
    """Every message that the wire knows, with every field at every end of its range: the limit is where it was."""
    cabinet = Guarded(ppm=15_000)
    for kind, _, kinds, _ in messages.MESSAGES:
        ends = [(messages._LOW[letter], messages._HIGH[letter]) for letter in kinds]
        for which in range(1 << len(ends)):
            row = tuple(end[which >> place & 1] for place, end in enumerate(ends))
            assert not cabinet.after(1, encode(NODE, kind, [row]))
    assert not cabinet.after(1, _permit(30_000))
    cabinet.dhz = 4_900
    assert not cabinet.after(1, _open(30_001))
    assert cabinet.after(1, _permit(30_002))
    cabinet.dhz = 5_001
    assert not cabinet.after(1, _permit(30_003))


def test_its_methane_can_be_read_over_the_bus() -> None:
    cabinet = Guarded(ppm=7_500)
    cabinet.node.feed(encode(NODE, messages.ASK, [(messages.READING,)]))
    reading = _fields(cabinet.node.reply(), messages.READING)
    assert (reading["channel"], reading["status"], reading["age_ms"]) == (0, 0, 0)
    assert reading["value"] == pytest.approx(7_500, abs=5)
    cabinet.dhz = 0
    cabinet.after(1)
    cabinet.node.feed(encode(NODE, messages.ASK, [(messages.READING,)]))
    reading = _fields(cabinet.node.reply(), messages.READING)
    assert (reading["status"], reading["value"]) == (messages.READING_FAULT, FAULT)
