"""After any restart the journal knows how far each producer's numbering is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal_story import scan_body
from minegate_agent.link.journal import EVENT, SCAN, Journal
from minegate_agent.link.records import encode_event


def open_journal(folder: Path) -> Journal:
    return Journal.open(folder, segment_bytes=1_000, bytes_max=1_000_000)


def test_what_bodies_say_of_themselves_is_known_when_durable_and_after_a_restart(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for number in range(1, 100):
        journal.append(SCAN, scan_body(number))
    alarm = {"kind": "alarm", "from": "interlock", "utc_ms": 1, "boot": 5, "sequence": 12}
    lost = {"kind": "device_lost", "from": "field", "utc_ms": 1, "boot": 77, "number": 100}
    own = {"kind": "uplink_up", "from": "link", "utc_ms": 1, "boot": 9, "number": 3}
    for event in (alarm, lost, own):
        journal.append(EVENT, encode_event(event))
    assert (journal.origins, journal.origins_appended) == ({}, {77: 100, 5: 12})
    journal.commit()
    assert journal.origins == {77: 100, 5: 12}
    journal.close()
    journal = open_journal(tmp_path)
    assert journal.origins == journal.origins_appended == {77: 100, 5: 12}
    journal.close()


@pytest.mark.parametrize("behind", [0, 200])
def test_a_loss_event_may_say_up_to_where_a_producer_is_accounted_for(tmp_path: Path, behind: int) -> None:
    """So that the same gap is not declared again when field repeats its hello."""
    journal = open_journal(tmp_path)
    loss = {"kind": "loss", "from": "link", "utc_ms": 1, "boot": 6, "first": 40, "last": 44, "count": 5}
    sequence = journal.append(EVENT, encode_event(loss), origin=(6, 44))
    for number in range(1, behind + 1):
        journal.append(SCAN, scan_body(number))
    journal.commit()
    assert journal.read(0, 1, 1000)[0] == (sequence, EVENT, encode_event(loss))
    journal.close()
    journal = open_journal(tmp_path)
    assert journal.origins == {6: 44} | ({77: 200} if behind else {})
    assert journal.read(0, 1, 1000)[0] == (sequence, EVENT, encode_event(loss))
    journal.close()


def test_the_last_eight_boots_are_known_and_who_spoke_last_stays(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for boot in range(1, 13):
        journal.append(SCAN, scan_body(3, boot=boot))
        journal.append(SCAN, scan_body(1, boot=boot))
        journal.append(SCAN, scan_body(boot, boot=99))
    journal.commit()
    expected = dict.fromkeys(range(6, 13), 3) | {99: 12}
    assert journal.origins == expected
    journal.close()
    journal = open_journal(tmp_path)
    assert journal.origins == expected
    journal.close()


def test_a_body_that_is_strange_is_kept_and_has_no_origin(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    strange = [(SCAN, b"short"), (EVENT, b"\xc1"), (EVENT, b"\x90"), (50, b"a class of the future"), (SCAN, b"")]
    for klass, body in strange:
        journal.append(klass, body)
    journal.commit()
    assert journal.origins == {}
    assert [record[1:] for record in journal.read(0, 10, 1000)] == strange
    journal.close()
