"""The newest records in memory are the journal's own, or none: then the disk is asked."""

from __future__ import annotations

from pathlib import Path

from minegate_agent.link.journal import SCAN, Journal, Record
from minegate_agent.link.recent import BYTES_MAX, RECORDS_MAX, Recent
from minegate_agent.link.records import encode_scan
from minegate_agent.scan import Scan

ALL = 10**9


def records(first: int, last: int, size: int = 4) -> list[Record]:
    return [Record(sequence, SCAN, bytes(size)) for sequence in range(first, last + 1)]


def sequences(found: list[Record]) -> list[int]:
    return [record.sequence for record in found]


def test_what_is_durable_comes_in_order_and_no_more_than_asked() -> None:
    recent = Recent()
    recent.note(records(11, 20))
    assert sequences(recent.after(10, 20, 100, ALL)) == list(range(11, 21))
    assert sequences(recent.after(14, 17, 100, ALL)) == [15, 16, 17]
    assert sequences(recent.after(10, 20, 3, ALL)) == [11, 12, 13]
    assert sequences(recent.after(10, 20, 100, 9)) == [11, 12]
    assert sequences(recent.after(10, 20, 100, 1)) == [11], "at least one, however large"
    assert recent.after(20, 20, 100, ALL) == []
    assert recent.after(14, 12, 100, ALL) == [], "nothing of it is durable yet"


def test_what_lies_before_it_is_asked_of_the_disk() -> None:
    recent = Recent()
    assert recent.after(0, 5, 10, ALL) == []
    recent.note(records(11, 20))
    assert recent.after(9, 20, 100, ALL) == []


def test_a_jump_of_the_sequence_forgets_what_was_before() -> None:
    recent = Recent()
    recent.note(records(1, 5))
    recent.note(records(9, 10))
    assert recent.after(4, 10, 100, ALL) == []
    assert sequences(recent.after(8, 10, 100, ALL)) == [9, 10]


def test_it_is_bounded_by_records_and_by_bytes() -> None:
    recent = Recent()
    recent.note(records(1, RECORDS_MAX + 50))
    assert recent.after(49, ALL, ALL, ALL) == []
    assert len(recent.after(50, ALL, ALL, ALL)) == RECORDS_MAX
    recent.note(records(RECORDS_MAX + 51, RECORDS_MAX + 60, size=BYTES_MAX // 5))
    assert sequences(recent.after(RECORDS_MAX + 55, ALL, ALL, ALL * 10)) == list(
        range(RECORDS_MAX + 56, RECORDS_MAX + 61)
    )
    assert recent.after(RECORDS_MAX + 54, ALL, ALL, ALL) == []


def test_readings_journaled_together_are_those_journaled_one_by_one(tmp_path: Path) -> None:
    bodies = [encode_scan(Scan(7, number, 1, 0, 0, number, number, 1, bytes([number] * 6))) for number in range(1, 9)]
    one, many = (
        Journal.open(tmp_path / name, segment_bytes=65_536, bytes_max=1_000_000, released=0) for name in ("one", "many")
    )
    for body in bodies:
        one.append(SCAN, body)
    assert many.append_all([(body, (7, number)) for number, body in enumerate(bodies, 1)]) == 1
    assert many.origins_appended == one.origins_appended == {7: 8}
    assert (one.commit(), many.commit()) == (8, 8)
    assert many.chain == one.chain
    assert many.read(0, 100, ALL) == one.read(0, 100, ALL)
    one.close()
    many.close()
    (first,), (second,) = ((path / name).glob("*.seg") for path, name in ((tmp_path, "one"), (tmp_path, "many")))
    assert first.read_bytes() == second.read_bytes()
