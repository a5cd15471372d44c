"""Nothing in a journal can be changed, taken out or put in without being seen, even by one who mends the checksums."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from field_side import FieldSide, handing_over
from journal_story import scan_body
from link_work import GATEWAY, MINE, running, until, write_site
from minegate_agent.link.anchors import holds, signed_text
from minegate_agent.link.inspection import inspect
from minegate_agent.link.journal import EVENT, SCAN, Journal
from minegate_agent.link.proof import prove
from minegate_agent.link.records import decode_event, encode_event
from minegate_agent.link.signing import Signer, signer
from minegate_agent.link.store.form import HEADER_BYTES, pack_record, unpack_record
from minegate_agent.link.store.reader import Record
from minegate_agent.site import load_site
from mosquitto import Mosquitto

EVERY = 20  # records behind an anchor


@pytest.fixture
def key(tmp_path: Path) -> Signer:
    (tmp_path / "key").write_text("07" * 32, encoding="ascii")
    return signer(tmp_path / "key")


def opened(folder: Path) -> Journal:
    return Journal.open(folder, segment_bytes=4000, bytes_max=1_000_000)


def write(folder: Path, key: Signer, count: int = 200) -> None:
    """Scans in several segments, an anchor behind each twenty, and a restart in the middle."""
    journal = opened(folder)
    for number in range(1, count + 1):
        journal.append(SCAN, scan_body(number))
        if number % EVERY == 0:
            journal.commit()
            through, chain = journal.chain
            signature = key.sign(signed_text(MINE, GATEWAY, through, chain))
            told = {"through": through, "chain": chain, "key": key.public, "signature": signature}
            journal.append(EVENT, encode_event({"kind": "anchor", "from": "link", "utc_ms": 1, **told}))
        if number == count // 2:
            journal.commit()
            journal.close()
            journal = opened(folder)
    journal.commit()
    journal.close()


def places(path: Path) -> list[tuple[int, int, int]]:
    """(sequence, begin, end) of every record in a segment."""
    content, at, found = path.read_bytes(), HEADER_BYTES, []
    while (stored := unpack_record(content, at, at)) is not None:
        found.append((stored.sequence, at, stored.end))
        at = stored.end
    return found


def changed(path: Path) -> None:
    """One value of a record edited, its checksum mended."""
    content = bytearray(path.read_bytes())
    sequence, begin, end = places(path)[5]
    body = bytearray(unpack_record(bytes(content), begin, begin).body)  # type: ignore[union-attr]  # it is there
    body[14] ^= 1
    content[begin:end] = pack_record(sequence, SCAN, bytes(body), None)
    path.write_bytes(content)


def taken_out(path: Path) -> None:
    """One record removed without a trace in the sequences: those behind it move up."""
    content, rows = path.read_bytes(), places(path)
    kept = content[: rows[5][1]]
    for (sequence, _, _), (_, begin, _) in pairwise(rows[5:]):
        stored = unpack_record(content, begin, begin)
        assert stored is not None
        kept += pack_record(sequence, stored.klass, stored.body, stored.origin)
    path.write_bytes(kept)


def swapped(path: Path) -> None:
    """Two readings exchanged."""
    content = bytearray(path.read_bytes())
    (one, at, middle), (two, _, end) = places(path)[5:7]
    bodies = [unpack_record(bytes(content), begin, begin).body for begin in (at, middle)]  # type: ignore[union-attr]  # there
    content[at:end] = pack_record(one, SCAN, bodies[1], None) + pack_record(two, SCAN, bodies[0], None)
    path.write_bytes(content)


def test_a_journal_as_it_was_written_is_proved_up_to_the_last_anchor(tmp_path: Path, key: Signer) -> None:
    write(tmp_path / "j", key)
    proof = prove(tmp_path / "j", MINE, GATEWAY, key.public)
    assert len(list((tmp_path / "j").glob("*.seg"))) > 3
    assert (proof.findings, proof.records, proof.anchors) == ((), 210, 10)
    assert proof.anchored == 209


@pytest.mark.parametrize("which", [0, 2, -1])
@pytest.mark.parametrize("edit", [changed, taken_out, swapped])
def test_an_edit_with_mended_checksums_is_found_where_it_is(
    tmp_path: Path, key: Signer, edit: Callable[[Path], None], which: int
) -> None:
    write(tmp_path / "j", key)
    segment = sorted((tmp_path / "j").glob("*.seg"))[which]
    edited = places(segment)[5][0]
    edit(segment)
    findings = prove(tmp_path / "j", MINE, GATEWAY, key.public).findings
    assert findings
    assert any(found.first <= edited <= found.last for found in findings)
    assert min(found.first for found in findings) > edited - 3 * EVERY, "what is well before it stays proved"


def test_a_segment_taken_away_is_missed(tmp_path: Path, key: Signer) -> None:
    write(tmp_path / "j", key)
    segment = sorted((tmp_path / "j").glob("*.seg"))[2]
    lost = [sequence for sequence, _, _ in places(segment)]
    segment.unlink()
    told = {n for f in prove(tmp_path / "j", MINE, GATEWAY, key.public).findings for n in range(f.first, f.last + 1)}
    assert told >= set(lost)


def test_another_key_or_gateway_proves_nothing(tmp_path: Path, key: Signer) -> None:
    write(tmp_path / "j", key)
    assert len(prove(tmp_path / "j", MINE, GATEWAY, bytes(31) + b"\1").findings) == 10
    assert len(prove(tmp_path / "j", MINE, "another", key.public).findings) == 10


def test_deleting_old_segments_in_order_leaves_the_rest_provable(tmp_path: Path, key: Signer) -> None:
    write(tmp_path / "j", key)
    sorted((tmp_path / "j").glob("*.seg"))[0].unlink()
    assert prove(tmp_path / "j", MINE, GATEWAY, key.public).findings == ()


async def test_a_running_link_signs_and_delivers_its_anchors(tmp_path: Path, mosquitto: Mosquitto, key: Signer) -> None:
    site = write_site(tmp_path / "site", mosquitto.port)
    toml = (
        (site / "gateway.toml")
        .read_text(encoding="utf-8")
        .replace("[journal]", f'[journal]\nkey_file = "{tmp_path}/key"')
    )
    (site / "gateway.toml").write_text(toml, encoding="utf-8")
    field = FieldSide(site)
    async with running(load_site(site)), handing_over(field):
        field.scan()
        await field.confirmed_all()
        folder = site / "journal"

        def anchors() -> list[dict[str, object]]:
            records = [seen for seen in inspect(folder) if isinstance(seen, Record) and seen.klass == EVENT]
            return [event for seen in records if (event := decode_event(seen.body))["kind"] == "anchor"]

        await until(lambda: bool(anchors()), "an anchor is written", 10)
        assert holds(anchors()[0], MINE, GATEWAY, key.public)
    assert prove(site / "journal", MINE, GATEWAY, key.public).findings == ()
