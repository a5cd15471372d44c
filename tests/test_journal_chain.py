"""Nothing in a journal can be changed, taken out or put in without being seen, even by one who mends the checksums."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet
import pytest

from field_side import FieldSide, handing_over
from journal_story import scan_body
from link_work import GATEWAY, MINE, running, until, write_site
from minegate_agent.link.anchors import holds, signed_text
from minegate_agent.link.birth import birth_of
from minegate_agent.link.births import Births
from minegate_agent.link.disk import OS_DISK
from minegate_agent.link.inspection import inspect
from minegate_agent.link.journal import EVENT, SCAN, Journal
from minegate_agent.link.proof import prove
from minegate_agent.link.records import decode_event, encode_event, encode_scan
from minegate_agent.link.signing import Signer, signer
from minegate_agent.link.store.form import HEADER_BYTES, Name, pack_record, said_by, unpack_record
from minegate_agent.link.store.reader import Record
from minegate_agent.scan import Scan
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


def minegate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "minegate_tools", *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with a journal: two readings and an event, under a birth."""
    folder = write_site(tmp_path / "site", 1)
    journal = opened(folder / "journal")
    Births.open(folder / "journal/births", OS_DISK).enter(birth_of(load_site(folder)), 1)
    for number, hundredths in ((1, 125), (2, 130)):
        record = hundredths.to_bytes(2, "big") + b"\0\0"
        journal.append(SCAN, encode_scan(Scan(7, number, 1, 0, 2, 0, 1_772_323_200_000, 1, record)))
    journal.append(EVENT, encode_event({"kind": "started", "from": "link", "utc_ms": 5}))
    journal.commit()
    journal.close()
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_journal_is_exported_as_values_with_their_units(site: Path, tmp_path: Path, suffix: str) -> None:
    to = tmp_path / f"out{suffix}"
    ended = minegate("journal", "export", str(site), "--to", str(to))
    assert ended.returncode == 0, ended.stderr
    if suffix == ".csv":
        rows = list(csv.DictReader(to.read_text(encoding="utf-8-sig").splitlines()))
    else:
        rows = pyarrow.parquet.read_table(to).to_pylist()
    methane = [row for row in rows if row["field"] == "ch4"]
    assert [(float(row["value"]), row["unit"], row["quality"]) for row in methane] == [
        (1.25, "%CH4", "out_of_range"),
        (1.3, "%CH4", "out_of_range"),
    ]
    assert [row["field"] for row in rows][-1] == "started"


def test_export_refuses_a_form_it_does_not_know(site: Path, tmp_path: Path) -> None:
    ended = minegate("journal", "export", str(site), "--to", str(tmp_path / "out.xlsx"))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "must end in .csv or .parquet" in ended.stderr


def test_inspect_verify_and_repair_say_what_is_wrong_and_repair_tells_the_receiver(site: Path) -> None:
    assert minegate("journal", "inspect", str(site)).returncode == 0
    assert minegate("verify", str(site)).returncode == 0
    (segment,) = (site / "journal").glob("*.seg")
    _, begin, _ = places(segment)[1]
    content = bytearray(segment.read_bytes())
    content[begin + 20] ^= 1
    segment.write_bytes(bytes(content) + b"torn")
    ended = minegate("journal", "inspect", str(site))
    assert ended.returncode == 1
    assert "sequences 2 to 2 are missing" in ended.stdout
    assert "4 bytes behind the last whole record" in ended.stdout
    assert minegate("journal", "verify", str(site)).returncode == 1
    ended = minegate("journal", "repair", str(site))
    assert ended.returncode == 0, ended.stderr
    assert "sequences 2 to 2 are lost" in ended.stdout
    records = [seen for seen in inspect(site / "journal") if isinstance(seen, Record)]
    assert decode_event(records[-1].body)["kind"] == "loss"
    assert said_by(segment.name) == Name(1, 0)


def test_a_key_is_made_once_and_its_public_half_beside_it(tmp_path: Path) -> None:
    ended = minegate("journal", "key", str(tmp_path / "k"))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert signer(tmp_path / "k").public.hex() == (tmp_path / "k.pub").read_text().strip()
    assert minegate("journal", "key", str(tmp_path / "k")).returncode == 1
