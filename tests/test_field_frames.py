"""Whatever comes after a request: no exception escapes, only the answer is believed, and it is found."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from line_work import head, reading
from minegate_agent.field.frames import Stray, sort_out
from minegate_agent.field.hearing import believed
from minegate_drivers.modbus_rtu import framed
from minegate_drivers.sdk import Heard, LineDriver, Nonsense

DRIVER = head(1).driver
assert isinstance(DRIVER, LineDriver)
REQUEST = DRIVER.ask(0) or b""
ANSWER = reading(1, 77)


def understand(frame: bytes) -> Heard:
    assert isinstance(DRIVER, LineDriver)
    heard = believed(DRIVER, DRIVER.hear, frame)
    assert heard is not None
    return heard


def sort(heard: bytes, late: bytes = b"") -> tuple[bytes | None, list[Stray]]:
    assert isinstance(DRIVER, LineDriver)
    found = sort_out(heard, REQUEST, DRIVER.missing, lambda piece: bool(late) and piece == late, understand)
    assert (found.heard is None) != (found.nonsense is None)
    return found.heard.record if found.heard else None, list(found.strays)


@given(st.binary(max_size=300))
@example(REQUEST)
@example(b"")
@example(ANSWER[:-1])
def test_random_bytes_are_never_believed(heard: bytes) -> None:
    record, strays = sort(heard)
    assert record is None
    assert strays


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_the_answer_is_found_among_random_bytes(before: bytes, after: bytes) -> None:
    record, _ = sort(before + ANSWER + after)
    assert record == ANSWER[3:7]


@given(st.integers(0, 8 * len(ANSWER) - 1))
def test_one_wrong_bit_is_damage_or_a_stranger_and_never_a_reading(bit: int) -> None:
    wrong = bytearray(ANSWER)
    wrong[bit // 8] ^= 1 << bit % 8
    record, strays = sort(bytes(wrong))
    assert record is None
    assert strays == [Stray.DAMAGED]


def test_an_echo_a_late_answer_and_the_answer_in_one_breath() -> None:
    late = reading(2)
    assert sort(REQUEST + late + ANSWER, late) == (ANSWER[3:7], [Stray.ECHOED, Stray.LATE])
    assert sort(late, late) == (None, [Stray.LATE])
    assert sort(reading(2)) == (None, [Stray.FOREIGN])
    assert sort(REQUEST) == (None, [Stray.ECHOED])


def test_a_no_of_the_device_is_final() -> None:
    assert isinstance(DRIVER, LineDriver)
    found = sort_out(framed(b"\x01\x84\x06"), REQUEST, DRIVER.missing, lambda piece: False, understand)
    assert isinstance(found.nonsense, Nonsense)
    assert (found.nonsense.kind, found.strays) == ("exception", ())
