"""agent/PAYLOAD.md is true: its bytes are what is sent, and both readers read them to the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minegate_agent.link.birth import birth_of
from minegate_agent.link.delivered import decode
from minegate_agent.link.payload import BIRTH, EVENTS, LIVE, STATE, messages, state
from minegate_agent.link.records import EVENT, SCAN, encode_event, encode_scan
from minegate_agent.link.store.reader import Record
from minegate_agent.scan import Scan
from page_site import site

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "agent/PAYLOAD.md"
READER = ROOT / "tools/read_payload.py"
T_MS = 1_772_323_200_000
ID = "5f0c3d9a1be27c44"
BOOT = 0x1A2B3C4D
WEIGHTS = {(1, 0): 2, (2, 0): 2}
ALARM = {
    "kind": "alarm", "from": "interlock", "utc_ms": T_MS + 1010, "boot": 7, "sequence": 3, "area": "heading-1201",
    "point": "1201-T1-ch4", "value": 1.25, "limit": 1.0, "cause": "limit", "by": "", "reason": "",
    "rules": "a1b2c3d4e5f60718",
}  # fmt: skip
SCANS = (
    (41, Scan(BOOT, 1007, 1, 0, 0, 500, T_MS, 1, bytes.fromhex("007d0001"))),
    (42, Scan(BOOT, 1008, 2, 0, 0, 510, T_MS + 48, 1, bytes.fromhex("00500001"))),
    (44, Scan(BOOT, 1010, 1, 0, 2, 1500, T_MS + 1000, 1, bytes.fromhex("00820001"))),
)


def example(name: str) -> bytes:
    found = re.search(rf"```hex {name}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found, name
    return bytes.fromhex(found[1])


def sent() -> dict[str, bytes]:
    records = [Record(sequence, SCAN, encode_scan(scan)) for sequence, scan in SCANS]
    records.insert(2, Record(43, EVENT, encode_event(ALARM)))
    return {message.stream: message.payload for message in messages(records, ID, T_MS + 2000, WEIGHTS)}


def read(*payloads: tuple[str, bytes]) -> list[dict[str, Any]]:
    """What the standalone reader prints, run as a process of its own, without this project on its path."""
    lines = "".join(f"minegate/1/m/g/{stream} {payload.hex()}\n" for stream, payload in payloads)
    ended = subprocess.run(
        [sys.executable, "-I", str(READER)], input=lines, capture_output=True, text=True, timeout=30, check=True
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("stream", [LIVE, EVENTS])
def test_the_page_shows_the_bytes_that_are_sent(stream: str) -> None:
    assert example(stream) == sent()[stream]


def test_the_page_shows_the_state_that_is_sent() -> None:
    assert example(STATE) == state(ID, True, T_MS)


def test_both_readers_read_the_live_example_to_the_same() -> None:
    (_, *_), rows = decode(example(LIVE)), read((LIVE, example(LIVE)))
    ours = [{**scan._asdict(), "record": scan.record.hex()} for scan in decode(example(LIVE)).scans]
    assert [row["scan"] for row in rows] == ours
    assert [scan["sequence"] for scan in ours] == [41, 42, 44]


def test_both_readers_read_the_event_example_to_the_same() -> None:
    (row,) = read((EVENTS, example(EVENTS)))
    (told,) = decode(example(EVENTS)).events
    assert row["event"] == {**told.event, "journal_sequence": told.sequence} == {**ALARM, "journal_sequence": 43}


def test_with_the_birth_the_standalone_reader_tells_values() -> None:
    born = birth_of(site())
    records = [Record(sequence, SCAN, encode_scan(scan)) for sequence, scan in SCANS]
    (message,) = messages(records, born.id, T_MS, born.weights)
    birth, *rows = read((BIRTH, born.payload), (LIVE, message.payload))
    assert birth["birth"]["config"] == site().hash
    assert [row["scan"]["values"]["ch4"] for row in rows] == pytest.approx([1.25, 0.80, 1.30])


def test_a_record_under_another_birth_is_not_decoded_by_this_one() -> None:
    _, *rows = read((BIRTH, birth_of(site()).payload), (LIVE, example(LIVE)))
    assert all("values" not in row["scan"] for row in rows)


def test_the_standalone_reader_reads_compressed_messages() -> None:
    scan = SCANS[0][1]
    records = [Record(at, SCAN, encode_scan(scan._replace(number=at))) for at in range(1, 401)]
    (message,) = messages(records, ID, T_MS)
    assert b"zstd" in message.payload
    assert [row["scan"]["record"] for row in read((LIVE, message.payload))] == ["007d0001"] * 400


def test_the_standalone_reader_fits_a_screen_or_two_and_needs_only_msgpack() -> None:
    lines = READER.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 100
    imported = {line.split()[1] for line in lines if re.match(r"\s*(import|from) ", line)}
    assert imported <= {"json", "struct", "sys", "itertools", "msgpack", "zlib", "zstandard"}


def test_the_page_names_every_reason_and_kind_that_link_writes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "agent/minegate_agent/link").rglob("*.py"))
    kinds = set(re.findall(r'(?:own_event|_edge)\(\s*"(\w+)"', source))
    assert {"uplink_up", "disk_error", "started"} <= kinds
    assert {kind for kind in kinds if kind not in page} == set()
