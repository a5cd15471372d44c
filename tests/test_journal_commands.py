"""`minegate journal`: what is in it, what is wrong with it, what it says as values."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from link_work import write_site
from minegate_agent.link.birth import birth_of
from minegate_agent.link.births import Births
from minegate_agent.link.disk import OS_DISK
from minegate_agent.link.inspection import inspect
from minegate_agent.link.journal import EVENT, SCAN, Journal
from minegate_agent.link.records import decode_event, encode_event, encode_scan
from minegate_agent.link.signing import signer
from minegate_agent.link.store.form import HEADER_BYTES, Name, said_by, unpack_record
from minegate_agent.link.store.reader import Record
from minegate_agent.scan import Scan
from minegate_agent.site import load_site


def opened(folder: Path) -> Journal:
    return Journal.open(folder, segment_bytes=4000, bytes_max=1_000_000)


def places(path: Path) -> list[tuple[int, int, int]]:
    """(sequence, begin, end) of every record in a segment."""
    content, at, found = path.read_bytes(), HEADER_BYTES, []
    while (stored := unpack_record(content, at, at)) is not None:
        found.append((stored.sequence, at, stored.end))
        at = stored.end
    return found


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
    original = segment.read_bytes()
    ended = minegate("journal", "repair", str(site))
    assert ended.returncode == 0, ended.stderr
    assert (site / "journal/before-repair-1" / segment.name).read_bytes() == original
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


def test_a_long_export_is_written_in_groups_and_reads_back_as_it_was(site: Path, tmp_path: Path) -> None:
    """Never more than one group is in memory."""
    journal, count = opened(site / "journal"), 11_000
    for number in range(3, count + 1):
        record = (number % 400).to_bytes(2, "big") + b"\0\0"
        journal.append(SCAN, encode_scan(Scan(7, number, 1, 0, 0, 0, 1_772_323_200_000 + number, 1, record)))
    journal.commit()
    last = journal.last_sequence
    journal.close()
    to = tmp_path / "out.parquet"
    ended = minegate("journal", "export", str(site), "--to", str(to), "--first", "101", "--last", str(last - 100))
    assert ended.returncode == 0, ended.stderr
    file = pyarrow.parquet.ParquetFile(to)
    assert file.num_row_groups == 2
    rows = [row for row in file.read().to_pylist() if row["field"] == "ch4"]
    assert [row["sequence"] for row in rows] == list(range(101, last - 99))
    assert all(round(row["value"] * 100) == (row["utc_ms"] - 1_772_323_200_000) % 400 for row in rows)
    assert not list(tmp_path.glob("*.part"))


def test_an_export_that_fails_leaves_no_half_file(site: Path, tmp_path: Path) -> None:
    ended = minegate("journal", "export", str(site), "--to", str(tmp_path / "nowhere" / "out.csv"))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "nowhere" in ended.stderr
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("what", ["inspect", "verify", "repair", "export"])
def test_a_site_without_a_journal_is_one_clear_line(tmp_path: Path, what: str) -> None:
    site = write_site(tmp_path / "site", 1)
    more = ["--to", str(tmp_path / "out.csv")] if what == "export" else []
    ended = minegate("journal", what, str(site), *more)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert str(site / "journal") in ended.stderr
    assert not (tmp_path / "out.csv").exists()


def test_repair_refuses_a_journal_that_is_being_written(site: Path) -> None:
    journal = opened(site / "journal")
    ended = minegate("journal", "repair", str(site))
    journal.close()
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "another process writes this journal" in ended.stderr
