"""A simulated CAN bus arbitrates, takes its time, counts its errors and loses stations as the standard has it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_drivers.ports import CanFrame
from minegate_sim.bus import faults
from minegate_sim.bus.can_bits import TAIL_BITS, _crc, length_bits, longest_bits, priority
from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.can_controller import BusState, Controller
from minegate_sim.bus.can_tap import ERROR_ACK, ERROR_BUS_OFF, ERROR_RESTARTED
from minegate_sim.bus.faults import Fault
from minegate_sim.far_end import NEVER
from minegate_sim.slcan import Slcan

RATE = 250_000
BIT_MS = 1000.0 / RATE


class Sender:
    """Sends one frame every `every_ms`."""

    def __init__(self, name: str, frame: CanFrame, every_ms: float, first_ms: float = 0.0) -> None:
        self.name = name
        self._frame = frame
        self._every_ms = every_ms
        self._due_ms = first_ms

    def step(self, at_ms: float) -> list[CanFrame]:
        self._due_ms += self._every_ms
        return [self._frame]

    def due_ms(self) -> float:
        return self._due_ms


def bus(*devices: Sender, masters: Sequence[str] = ("near",), seed: int = 1) -> CanBus:
    return CanBus(devices, random.Random(seed), bit_rate=RATE, masters=masters)


def ids(of: CanBus, now_ms: float, tap: str = "near") -> list[int]:
    return [heard.frame.id for heard in of.taps[tap].fetch(now_ms) if heard.frame is not None]


frames = st.builds(
    lambda extended, number, data: CanFrame(number if extended else number & 0x7FF, data, extended),
    st.booleans(), st.integers(0, 0x1FFFFFFF), st.binary(max_size=8),
)  # fmt: skip


@given(frames)
@settings(max_examples=150, deadline=None)
def test_a_frame_is_as_long_as_its_bits_and_never_longer_than_the_worst_case(frame: CanFrame) -> None:
    plain = (54 if frame.extended else 34) + 8 * len(frame.data) + TAIL_BITS
    assert plain <= length_bits(frame) <= longest_bits(len(frame.data), frame.extended)


def test_the_checksum_is_the_crc_15_of_the_catalogue_of_crcs() -> None:
    bits = [byte >> place & 1 for byte in b"123456789" for place in reversed(range(8))]
    assert _crc(bits) == 0x059E


def test_the_length_of_a_known_frame_is_the_one_of_the_literature() -> None:
    # identifier 0 without data: 19 dominant bits and a CRC of 0: 34 equal bits, a stuffed one after every 5
    assert length_bits(CanFrame(0, b"")) == 34 + 6 + TAIL_BITS
    assert longest_bits(8, False) == 135  # Davis et al. 2007, table of worst cases
    assert longest_bits(8, True) == 160


@given(st.lists(frames, min_size=2, max_size=6, unique_by=lambda frame: (frame.id, frame.extended)))
@settings(max_examples=50, deadline=None)
def test_of_all_that_are_ready_the_lowest_identifier_goes_first(wanted: list[CanFrame]) -> None:
    senders = [Sender(f"n{index}", frame, NEVER) for index, frame in enumerate(wanted)]
    heard = [h.frame for h in bus(*senders).taps["near"].fetch(1000.0) if h.frame is not None]
    assert heard == sorted(wanted, key=priority)


def test_a_standard_frame_beats_an_extended_one_with_the_same_beginning() -> None:
    assert priority(CanFrame(0x123, b"")) < priority(CanFrame(0x123 << 18, b"", True)) < priority(CanFrame(0x124, b""))


def test_a_frame_waits_for_the_one_on_the_wire_and_is_heard_when_its_last_bit_is_over() -> None:
    long, urgent = CanFrame(0x700, bytes(8)), CanFrame(0x001, b"\xff")
    of = bus(Sender("a", long, NEVER), Sender("b", urgent, NEVER, first_ms=0.1))
    heard = of.taps["near"].fetch(10.0)
    first_ms = length_bits(long) * BIT_MS
    assert [(h.frame, pytest.approx(h.at_ms)) for h in heard] == [
        (long, first_ms), (urgent, first_ms + length_bits(urgent) * BIT_MS),
    ]  # fmt: skip
    assert of.load(heard[-1].at_ms) == pytest.approx(1.0)


def test_load_is_the_share_of_the_time_and_low_priority_starves_when_there_is_none_left() -> None:
    one = CanFrame(0x100, bytes(range(8)))
    frame_ms = length_bits(one) * BIT_MS
    calm = bus(Sender("a", one, 4 * frame_ms))
    calm.run(1000.0)
    assert calm.load(1000.0) == pytest.approx(0.25, abs=0.01)
    full = bus(Sender("a", one, 0.99 * frame_ms), Sender("b", CanFrame(0x200, b""), 50.0))
    assert 0x200 not in ids(full, 500.0)
    assert full.load(500.0) == pytest.approx(1.0, abs=0.01)
    assert full.controllers["a"].waiting > 0


def test_a_babbling_idiot_takes_the_bus_until_it_is_taken_off() -> None:
    of = bus(Sender("good", CanFrame(0x100, b"1"), 10.0, 1.0), Sender("mad", CanFrame(0x200, b"2"), NEVER))
    babble = faults.Babble(device="mad", every_ms=0.1, count=8)
    of.begin(babble, 0.0)
    of.run(700.0)
    assert of.frames["good"] == 0
    assert of.controllers["good"].dropped > 0 or of.controllers["good"].waiting > 0
    of.end(babble)
    of.taps["near"].fetch(1000.0)
    assert ids(of, 2000.0).count(0x100) > 90


def test_nobody_to_acknowledge_makes_a_lonely_station_passive_and_never_off() -> None:
    of = bus(Sender("alone", CanFrame(0x100, b""), 5.0), masters=())
    of.run(2000.0)
    lonely = of.controllers["alone"]
    assert lonely.state is BusState.PASSIVE
    assert lonely.tec == 128
    assert lonely.sent == 0


def test_the_same_identifier_from_two_stations_drives_both_off_the_bus_and_back() -> None:
    of = bus(Sender("a", CanFrame(0x100, b"1"), NEVER), Sender("b", CanFrame(0x100, b"2"), NEVER))
    of.run(1000.0)
    assert [of.controllers[name].went_off for name in "ab"] == [1, 1]
    assert [of.controllers[name].state for name in "ab"] == [BusState.ACTIVE] * 2  # recovered on the silent bus
    assert of.errors == 32  # 32 x 8 is 256
    same = bus(Sender("a", CanFrame(0x100, b"1"), NEVER), Sender("b", CanFrame(0x100, b"1"), NEVER))
    assert ids(same, 10.0) == [0x100]  # identical bits disturb nobody


def test_recovery_takes_128_times_11_recessive_bits_of_a_silent_bus() -> None:
    of = bus(Sender("a", CanFrame(0x100, b"1"), NEVER), Sender("b", CanFrame(0x100, b"2"), NEVER))
    while of.controllers["a"].state is not BusState.OFF:
        of.run(of.due_ms())
    off_ms = of._free_ms
    of.run(off_ms + 128 * 11 * BIT_MS - 0.02)
    assert of.controllers["a"].state is BusState.OFF
    of.run(off_ms + 128 * 11 * BIT_MS + 0.02)
    assert of.controllers["a"].state is BusState.ACTIVE


def contested() -> CanBus:
    """While the first frame is on the wire, the gateway and b get ready to send the same identifier."""
    of = bus(Sender("first", CanFrame(0x50, bytes(8)), NEVER), Sender("b", CanFrame(0x100, b"2"), NEVER, 0.1))
    of.taps["near"].send(CanFrame(0x100, b"1"), 0.1)
    return of


def test_a_station_without_restart_stays_off_until_somebody_restarts_it() -> None:
    of = contested()
    of.controllers["near"].restarts = False
    of.run(5000.0)
    tap = of.taps["near"]
    assert tap.controller.state is BusState.OFF
    assert [h.error for h in tap.fetch(5000.0)][-1] == ERROR_BUS_OFF
    tap.send(CanFrame(0x1, b""), 5000.0)
    assert tap.controller.dropped == 2  # what waited, and what came while it was off
    tap.controller.restart()
    tap.send(CanFrame(0x1, b""), 5001.0)
    of.run(5002.0)
    assert tap.controller.sent == 1


def test_a_gateway_is_told_that_it_was_off_and_is_back_and_that_nobody_listens() -> None:
    of = contested()
    errors = [heard.error for heard in of.taps["near"].fetch(5000.0)]
    assert ERROR_BUS_OFF in errors
    assert errors[-1] == ERROR_RESTARTED
    alone = bus()
    alone.taps["near"].send(CanFrame(0x100, b"1"), 0.0)
    assert {heard.error for heard in alone.taps["near"].fetch(10.0)} == {ERROR_ACK}


def test_a_station_at_another_bit_rate_destroys_frames_until_it_is_passive() -> None:
    of = bus(Sender("good", CanFrame(0x100, b"1"), 5.0, 1.0), Sender("wrong", CanFrame(0x300, b"3"), NEVER, 1e6))
    of.begin(faults.WrongRate(device="wrong", rate=125_000), 0.0)
    assert ids(of, 12.0) == []
    assert of.controllers["good"].tec > 0
    of.run(3000.0)
    assert of.controllers["wrong"].state is BusState.PASSIVE
    assert len(ids(of, 4000.0)) > 100


def test_noise_is_made_good_by_sending_again_and_only_the_time_is_lost() -> None:
    of = bus(Sender("a", CanFrame(0x100, bytes(8)), 10.0))
    of.begin(faults.Noise(bit_error_rate=1e-3), 0.0)
    heard = [number for second in range(1, 11) for number in ids(of, 1000.0 * second)]
    assert len(heard) >= 999
    assert of.errors > 50
    assert of.controllers["a"].state is BusState.ACTIVE  # 1 frame in 8 damaged: eight good ones pay for a bad one


def test_heavy_noise_drives_the_sender_off_again_and_again() -> None:
    of = bus(Sender("a", CanFrame(0x100, bytes(8)), 10.0))
    of.begin(faults.Noise(bit_error_rate=0.02), 0.0)
    of.run(20_000.0)
    assert of.controllers["a"].went_off > 3
    assert of.controllers["a"].dropped > 0


@pytest.mark.parametrize(
    "fault", [faults.Dead(device="a"), faults.Cut(), faults.Cut(before="a"), faults.Lossy(share=1.0)]
)
def test_each_fault_takes_the_frames_away_and_gives_them_back(fault: Fault) -> None:
    of = bus(Sender("a", CanFrame(0x100, b""), 10.0), Sender("b", CanFrame(0x200, b""), 10.0))
    assert 0x100 in ids(of, 100.0)
    of.begin(fault, 105.0)
    of.taps["near"].fetch(105.0)
    assert 0x100 not in ids(of, 205.0)
    of.end(fault)
    assert 0x100 in ids(of, 300.0)


def test_what_nobody_fetches_is_an_overrun() -> None:
    of = bus(Sender("a", CanFrame(0x100, b""), 1.0))
    of.run(2000.0)
    assert len(of.taps["near"].inbox) == 1024
    assert of.taps["near"].overrun > 900


def test_a_fault_of_another_bus_or_station_is_refused() -> None:
    of = bus(Sender("a", CanFrame(0x100, b""), 1.0))
    for fault, said in ((faults.Echo(), "Echo"), (faults.Dead(device="x"), "x"), (faults.Lossy(master="x"), "x")):
        with pytest.raises(ValueError, match=said):
            of.begin(fault, 0.0)


@given(st.lists(st.sampled_from(["sent", "failed", "unacknowledged", "received", "damaged"]), max_size=400))
@settings(max_examples=50, deadline=None)
def test_the_counters_stay_in_their_bounds_and_the_state_follows_from_them(story: list[str]) -> None:
    one = Controller("one")
    for word in story:
        if one.state is BusState.OFF:
            one.restart()
        one.queue(CanFrame(1, b""), 0.0)
        match word:
            case "sent":
                one.has_sent()
            case "failed" | "unacknowledged":
                one.failed_to_send(unacknowledged=word == "unacknowledged")
            case "received":
                one.has_received()
            case _:
                one.failed_to_receive()
        assert one.tec >= 0
        assert 0 <= one.rec <= 255
        assert (one.state is BusState.OFF) == (one.tec >= 256)
        assert one.waiting + one.dropped + one.sent <= len(story)


def test_an_slcan_adapter_sits_on_the_bus_like_any_station() -> None:
    of = bus(Sender("a", CanFrame(0x100, b"\x01"), 10.0), masters=("near", "other"))
    adapter = Slcan((of.taps["near"],), of.taps["near"])
    adapter.arrive(b"O\rt12321122\r", 0.0)
    out = adapter.run(25.0)
    assert out.startswith(b"\rz\r")
    assert out.count(b"t100101\r") == 3
    assert ids(of, 25.0, "other").count(0x123) == 1


def test_a_passive_station_waits_eight_bits_longer_so_that_others_get_in_between() -> None:
    def order(tec: int) -> list[int]:
        of = bus(Sender("a", CanFrame(0x100, b""), NEVER), Sender("b", CanFrame(0x200, b""), NEVER, first_ms=0.1))
        of.controllers["a"].tec = tec
        of.controllers["a"].queue(CanFrame(0x101, b""), 0.0)
        of.controllers["a"].queue(CanFrame(0x102, b""), 0.0)
        return ids(of, 100.0)

    assert order(tec=0) == [0x101, 0x102, 0x100, 0x200]  # in the order of its queue, which is full of lower numbers
    assert order(tec=200) == [0x101, 0x200, 0x102, 0x100]
