"""A simulated RS-485 line is a shared medium: everybody hears everybody, and every way it can be ill is itself."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_drivers.modbus_rtu import payload, read_input_registers
from minegate_drivers.sdk import Nonsense
from minegate_sim.bus import faults
from minegate_sim.bus.faults import NAMES, Fault, parse
from minegate_sim.bus.framing import BAUDS, Framing, heard
from minegate_sim.bus.rs485 import Rs485
from minegate_sim.bus.speech import Speech
from minegate_sim.devices.gas_head import GasHead
from minegate_sim.noise import source

REQUEST = read_input_registers(1, 0, 2)
OTHER = read_input_registers(2, 0, 2)
GOOD = bytes((0, 75, 0, 1))


def line(seed: int = 1, masters: tuple[str, ...] = ("near",), framing: Framing = Framing()) -> Rs485:  # noqa: B008 - a constant
    heads = GasHead("T1", 1, source(1, "T1"), baud=framing.baud), GasHead("T2", 2, source(1, "T2"), baud=framing.baud)
    for head, percent in zip(heads, (0.75, 0.42), strict=True):
        head.measure(percent, 0.0, 0.0)
    return Rs485(heads, random.Random(seed), masters=masters, framing=framing)


def ask(bus: Rs485, request: bytes = REQUEST, at_ms: float = 0.0, within_ms: float = 99.0, by: str = "near") -> bytes:
    tap = bus.taps[by]
    tap.run(at_ms)
    tap.arrive(request, at_ms)
    return tap.run(at_ms + within_ms)


def good(answer: bytes, request: bytes = REQUEST) -> bool:
    try:
        return len(payload(answer, request)) == 4
    except Nonsense:
        return False


@pytest.mark.parametrize("baud", BAUDS)
@pytest.mark.parametrize(("parity", "stop_bits", "bits"), [("N", 1, 10), ("E", 1, 11), ("N", 2, 11), ("O", 2, 12)])
def test_an_answer_takes_the_time_of_its_characters(baud: int, parity: str, stop_bits: int, bits: int) -> None:
    framing = parse_framing(baud, parity, stop_bits)
    bus = line(framing=framing)
    char_ms = bits * 1000.0 / baud
    whole_ms = (8 + 9) * char_ms + 3.5 * 10_000 / baud + 2.0
    assert bus.framing.char_ms == pytest.approx(char_ms)
    bus.taps["near"].arrive(REQUEST, 0.0)
    early = bus.taps["near"].run(whole_ms - 0.01)
    assert not good(early)
    assert payload(early + bus.taps["near"].run(whole_ms + 0.01), REQUEST) == GOOD
    assert bus.busy_ms == pytest.approx(17 * char_ms)


def parse_framing(baud: int, parity: str, stop_bits: int) -> Framing:
    return Framing(baud, 8, "N" if parity == "N" else "E" if parity == "E" else "O", 1 if stop_bits == 1 else 2)


def test_two_masters_share_the_line_and_each_hears_the_others_requests_and_answers() -> None:
    bus = line(masters=("gateway", "panel"))
    ask(bus, by="gateway")
    overheard = bus.taps["panel"].run(99.0)
    assert overheard.startswith(REQUEST)
    assert good(overheard[len(REQUEST) :])
    assert good(ask(bus, OTHER, 100.0, by="panel"), OTHER)
    assert bus.collisions == 0


def test_two_masters_at_once_spoil_each_other_and_neither_is_answered() -> None:
    bus = line(masters=("gateway", "panel"))
    bus.taps["gateway"].arrive(REQUEST, 0.0)
    bus.taps["panel"].arrive(OTHER, 3.0)
    bus.run(200.0)
    assert bus.answers == {"T1": 0, "T2": 0}
    assert bus.collisions == 1
    assert good(ask(bus, at_ms=300.0, by="panel"))


def test_a_short_cry_spoils_only_the_characters_it_meets() -> None:
    bus = line(masters=("gateway", "panel"))
    bus.taps["gateway"].arrive(REQUEST, 0.0)
    clean = ask(line())
    answer_ms = next(speech.begin_ms for speech in _until_answer(bus))
    bus.taps["panel"].arrive(b"\x00", answer_ms + 4.2 * bus.framing.char_ms)
    got = bus.taps["gateway"].run(200.0)
    assert len(got) == 1 + len(clean)  # the cry is over before the first piece of the answer is
    wrong = {index for index, byte in enumerate(got[1:]) if byte != clean[index]}
    assert wrong
    assert wrong <= {4, 5}
    assert bus.spoiled == 1  # of the cry; it touched two characters of the answer


def _until_answer(bus: Rs485) -> list[Speech]:
    for quarter in range(400):
        bus.run(quarter / 4)
        if bus.answers["T1"]:
            return [s for s in bus._speeches if s.sender.name == "T1"]
    raise AssertionError("no answer")


@pytest.mark.parametrize(
    "fault",
    [
        faults.Dead(device="T1"),
        faults.Cut(),
        faults.Cut(before="T1"),
        faults.Garble(device="T1"),
        faults.Slow(device="T1", ms=500),
        faults.HalfAwake(device="T1", answers=0.0),
        faults.HalfAwake(device="T1", answers=1.0, cut_short=1.0, late_ms=30.0),
        faults.WrongRate(device="T1", rate=4800),
        faults.BreakInFrame(device="T1"),
        faults.Noise(bit_error_rate=0.3),
        faults.Babble(device="T2", every_ms=1.0, count=32),
        faults.Echo(),
    ],
)
def test_each_fault_takes_the_answer_away_and_gives_it_back(fault: Fault) -> None:
    bus = line(seed=4)
    assert good(ask(bus))
    bus.begin(fault, 100.0)
    bus.begin(fault, 100.0)  # twice is once
    assert not good(ask(bus, at_ms=100.0))
    bus.end(fault)
    bus.run(2000.0)
    bus.taps["near"].run(2000.0)
    assert good(ask(bus, at_ms=2000.0))


def test_a_cut_has_two_sides() -> None:
    bus = line()
    bus.begin(faults.Cut(before="T2"), 0.0)
    assert good(ask(bus))
    assert ask(bus, OTHER, 100.0) == b""
    bus.taps["near"].is_cut = True
    assert ask(bus, at_ms=200.0) == b""
    assert bus.lost_bytes == len(REQUEST)
    bus.taps["near"].is_cut = False
    assert good(ask(bus, at_ms=300.0))


def test_an_echo_is_the_request_itself_before_the_answer() -> None:
    bus = line()
    bus.begin(faults.Echo(), 0.0)
    heard_all = ask(bus)
    assert heard_all.startswith(REQUEST)
    assert payload(heard_all[len(REQUEST) :], REQUEST) == GOOD


def test_a_break_parts_the_answer_by_its_time() -> None:
    bus = line()
    bus.begin(faults.BreakInFrame(device="T1", after_bytes=3, hold_ms=40.0), 0.0)
    bus.taps["near"].arrive(REQUEST, 0.0)
    pieces = [(t / 4, got) for t in range(800) if (got := bus.taps["near"].run(t / 4))]
    assert pieces[0][1][-1] == 0  # the low line
    assert max(b - a for (a, _), (b, _) in pairwise(pieces)) >= 40.0
    assert good((b"".join(got for _, got in pieces))[:3] + (b"".join(got for _, got in pieces))[4:])


def test_noise_is_as_frequent_as_it_was_told() -> None:
    bus = line()
    bus.begin(faults.Noise(bit_error_rate=1e-3), 0.0)
    answers = sum(good(ask(bus, at_ms=100.0 * n)) for n in range(400))
    clean = (1 - 1e-3) ** (17 * 9)  # a wrong stop bit is not noticed
    assert abs(answers / 400 - clean) < 4 * (clean * (1 - clean) / 400) ** 0.5


@given(st.binary(min_size=1, max_size=40), st.sampled_from(BAUDS), st.sampled_from(BAUDS))
@settings(max_examples=60, deadline=None)
def test_a_receiver_at_another_rate_hears_something_else_and_never_more_than_its_own_time(
    data: bytes, sent: int, ear: int
) -> None:
    got = heard(data, Framing(sent), Framing(ear))
    assert (got == data) if sent == ear else len(got) <= 1 + len(data) * 10 * ear / sent / 9.5 + 1
    assert heard(data, Framing(sent), Framing(round(sent * 1.02))) == data  # within what a UART stands


def test_what_a_wrong_rate_makes_of_a_letter_is_what_a_scope_shows() -> None:
    # 'U' is a square wave; at half the rate two of its bits fall into one of ours
    assert (
        heard(b"U", Framing(9600), Framing(19200))
        == bytes((0b01100110,)) + heard(b"U", Framing(9600), Framing(19200))[1:]
    )
    assert heard(b"\x00", Framing(9600), Framing(115200))[:1] == b"\x00"
    assert heard(b"\xff" * 3, Framing(9600), Framing(1200)) == b""  # every start bit is too short to be one


def test_even_parity_heard_as_none_is_the_same_bytes_in_another_time() -> None:
    assert heard(b"abc", Framing(9600, 8, "E", 1), Framing(9600)) == b"abc"  # the parity bit is taken for the stop bit
    assert Framing(9600, 8, "E", 1).char_ms > Framing(9600).char_ms


@pytest.mark.parametrize(
    ("given_fault", "said"),
    [
        ({"fault": "asleep"}, "asleep"),
        ({"fault": "dead"}, "device"),
        ({"fault": "dead", "device": "T1", "since": 3}, "since"),
        ({"fault": "slow", "device": "T1", "ms": -1}, "ms"),
        ({"fault": "noise", "bit_error_rate": 0.7}, "bit_error_rate"),
        ({"fault": "noise", "bit_error_rate": float("nan")}, "bit_error_rate"),
        ({"fault": "babble", "device": "T1", "every_ms": 0}, "every_ms"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_its_key(given_fault: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(given_fault)


def test_every_fault_can_be_named_and_unknown_stations_are_refused() -> None:
    needs: dict[str, dict[str, object]] = {
        "slow": {"ms": 5.0},
        "wrong_rate": {"rate": 4800},
        "noise": {"bit_error_rate": 0.1},
    }
    for name in NAMES:
        device = {} if name in ("echo", "cut", "noise", "lossy") else {"device": "T1"}
        assert type(parse({"fault": name, **device, **needs.get(name, {})})).__struct_config__.tag == name
    for fault in (faults.Dead(device="T9"), faults.Cut(before="T9"), faults.Echo(master="T9")):
        with pytest.raises(ValueError, match="T9"):
            line().begin(fault, 0.0)


def test_the_same_seed_gives_the_same_bytes() -> None:
    def talk(seed: int) -> bytes:
        bus = line(seed)
        for fault in (faults.Noise(bit_error_rate=1e-3), faults.HalfAwake(device="T1"), faults.Babble(device="T2")):
            bus.begin(fault, 0.0)
        return b"".join(ask(bus, at_ms=100.0 * n) for n in range(50))

    assert talk(5) == talk(5)
    assert talk(5) != talk(6)


def test_what_nobody_fetches_is_bounded_and_counted() -> None:
    bus = line()
    bus.taps["near"].arrive(bytes(5000), 0.0)
    assert bus.lost_bytes == 5000
    bus.begin(faults.Babble(device="T1", every_ms=100.0, count=256), 0.0)
    bus.run(100_000.0)
    assert len(bus.taps["near"].inbox) == 65_536
    assert bus.taps["near"].unheard_bytes > 0


def test_noise_on_a_start_bit_hides_a_character_and_on_a_data_bit_changes_it() -> None:
    bus = line(masters=("near", "other"))
    bus.begin(faults.Noise(bit_error_rate=0.01), 0.0)
    lengths, changed = set(), 0
    for n in range(40):
        bus.taps["near"].arrive(bytes(range(100)), 1000.0 * n)
        got = bus.taps["other"].run(1000.0 * n + 900.0)
        lengths.add(len(got))
        changed += len(got) == 100 and got != bytes(range(100))
    assert max(lengths) <= 100
    assert min(lengths) < 100
    assert changed > 0


def test_a_half_awake_device_answers_late_by_no_more_than_it_was_told() -> None:
    bus = line()
    bus.begin(faults.HalfAwake(device="T1", answers=1.0, cut_short=0.0, late_ms=80.0), 0.0)
    plain_ms = (17 + 3.5) * bus.framing.char_ms + 2.0
    late = []
    for n in range(30):
        tap, got, took_ms = bus.taps["near"], b"", 0
        tap.arrive(REQUEST, 1000.0 * n)
        while not good(got):
            took_ms += 1
            got += tap.run(1000.0 * n + took_ms)
        late.append(took_ms - plain_ms)
    assert 0.0 <= min(late) <= 20.0
    assert 60.0 <= max(late) <= 81.0


@pytest.mark.parametrize(("parity", "ones"), [("E", 0), ("O", 1)])
def test_parity_makes_the_number_of_ones_even_or_odd(parity: str, ones: int) -> None:
    for byte in range(256):
        start, *rest = parse_framing(9600, parity, 1).levels(byte)
        assert start == 0
        assert sum(rest[:-1]) % 2 == ones
        assert rest[-1] == 1
